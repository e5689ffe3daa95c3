// Threads, what they are asked to do, and memory that comes back.
#include <chrono>
#include <stdexcept>

#if !defined(_WIN32)
#include <unistd.h>
#endif

#include "bind_program.hpp"
#include "bind_records.hpp"
#include "recycler.hpp"

namespace imagefeed {
namespace {

long process_id() {
#if defined(_WIN32)
    return 0;  // no fork
#else
    return static_cast<long>(getpid());
#endif
}

// A job in Python's hands, with all that its threads look at. Dropping it ends it first.
struct PyJob {
    std::shared_ptr<Job> job;
    std::vector<nb::object> keep;
    long process = process_id();

    PyJob(std::shared_ptr<Job> job_, std::vector<nb::object> keep_) : job(std::move(job_)), keep(std::move(keep_)) {}
    PyJob(PyJob&&) = default;
    ~PyJob() {
        if (!job || process != process_id()) return;  // in a forked child nobody will ever finish it
        job->cancel();
        const nb::gil_scoped_release unlocked;
        job->wait();
    }

    bool wait(int milliseconds) {
        // Whoever lets go of the lock may wait for it for as long as another thread plans.
        if (job->is_done()) return true;
        const nb::gil_scoped_release unlocked;
        return job->wait(std::chrono::milliseconds(milliseconds));
    }

    // Of the pictures themselves, or of part 1, 2, ... of what was rendered beside them.
    std::vector<FaultOf> faults(std::size_t part) const {
        std::vector<FaultOf> out;
        const auto* const render = dynamic_cast<const RenderJob*>(job.get());
        if (render == nullptr) return out;
        if (part >= render->parts().size()) throw nb::index_error("there is no such part");
        const std::vector<Status>& statuses = render->parts()[part].statuses();
        for (std::size_t i = 0; i < statuses.size(); ++i) {
            if (!statuses[i].is_ok()) out.emplace_back(i, static_cast<int>(statuses[i].fault), statuses[i].message);
        }
        return out;
    }
};

using Output = nb::ndarray<nb::ndim<4>, nb::c_contig, nb::device::cpu>;
using SingleOutput = nb::ndarray<nb::ndim<3>, nb::device::cpu>;  // rows may lie apart, as in a part of a picture

class PyPool {
public:
    explicit PyPool(unsigned threads) : pool_(std::make_unique<Pool>(check(threads))), clock_(std::make_shared<StageClock>()) {}
    ~PyPool() {
        if (process_ != process_id()) {
            (void)pool_.release();  // a forked child has no such threads to join
            return;
        }
        const nb::gil_scoped_release unlocked;
        pool_.reset();
    }

    unsigned threads() const { return pool_->threads(); }
    void set_threads(unsigned count) { pool_->set_threads(check(count)); }
    void limit_memory(std::size_t bytes) { pool_->memory().limit(bytes); }
    std::tuple<std::int64_t, std::int64_t, std::int64_t> times() const { return {clock_->read, clock_->decode, clock_->draw}; }

    // `names` empty, or one of them: the records hold their bytes. `png` says what a PNG becomes; none is decoded here without.
    PyJob fetch(nb::handle records, nb::sequence names, std::int64_t most_pixels, std::optional<std::string> png) {
        auto& group = nb::cast<PyRecords&>(records);
        std::vector<std::string> files;
        for (nb::handle name : names) files.push_back(file_name(name));
        if (!files.empty() && files.size() != group.group->records.size()) throw nb::value_error("one file for every record is expected");
        return submit(std::make_shared<FetchJob>(group.group, std::move(files), png_form(png), most_pixels, clock_), {nb::borrow(records)});
    }

    // Into the rows of one batch array. `beside` are other (records, program, out): what goes with each picture.
    PyJob render(nb::handle records, nb::handle program, std::size_t first, nb::handle out, nb::list beside) {
        return render_parts(records, program, first, out, beside, batch_slots);
    }

    // Into one array each, or none where None stands; for pictures of several sizes, and parts of pictures.
    PyJob render_each(nb::handle records, nb::handle program, nb::list outs, nb::list beside) {
        return render_parts(records, program, 0, outs, beside, each_slots);
    }

private:
    // What arrays belong to must be held for as long as their slots are.
    using Slots = std::vector<Slot> (*)(nb::handle out, const StoreSpec& spec, std::vector<nb::object>& keep);

    static std::vector<Slot> batch_slots(nb::handle array, const StoreSpec& spec, std::vector<nb::object>& keep) {
        Output out;
        // No conversion: what was rendered into a copy would be lost.
        if (!nb::try_cast(array, out, false)) throw nb::type_error("a batch is a contiguous array of four axes");
        const bool planes = spec.layout == Layout::nchw;
        const std::size_t bytes = check_dtype(spec.dtype, out.dtype());
        const auto height = static_cast<int>(out.shape(planes ? 2 : 1)), width = static_cast<int>(out.shape(planes ? 3 : 2));
        const auto channels = static_cast<int>(out.shape(planes ? 1 : 3));
        const std::size_t record_bytes = out.shape(1) * out.shape(2) * out.shape(3) * bytes;
        std::vector<Slot> slots(out.shape(0));
        for (std::size_t i = 0; i < slots.size(); ++i)
            slots[i] = {static_cast<std::uint8_t*>(out.data()) + i * record_bytes, height, width, channels};
        keep.push_back(nb::borrow(array));
        return slots;
    }

    static std::vector<Slot> each_slots(nb::handle outs, const StoreSpec& spec, std::vector<nb::object>& keep) {
        std::vector<Slot> slots;
        for (nb::handle array : nb::cast<nb::list>(outs)) {
            if (array.is_none()) {
                slots.emplace_back();
                continue;
            }
            SingleOutput out;
            if (!nb::try_cast(array, out, false) || out.stride(2) != 1 || out.stride(1) != static_cast<std::int64_t>(out.shape(2)) ||
                out.stride(0) < static_cast<std::int64_t>(out.shape(1) * out.shape(2)))
                throw nb::type_error("outputs are arrays (height, width, channels) whose rows are contiguous");
            const std::size_t bytes = check_dtype(spec.dtype, out.dtype());
            if (spec.layout != Layout::nhwc) throw nb::value_error("single pictures are channels-last");
            slots.push_back({out.data(), static_cast<int>(out.shape(0)), static_cast<int>(out.shape(1)), static_cast<int>(out.shape(2)),
                             static_cast<std::size_t>(out.stride(0)) * bytes});
            keep.push_back(nb::cast(out));
        }
        return slots;
    }

    static unsigned check(unsigned threads) {
        if (threads < 1 || threads > 1024) throw nb::value_error("1 to 1024 threads expected");
        return threads;
    }

    static std::size_t check_dtype(Dtype dtype, nb::dlpack::dtype given) {
        const bool fits = dtype == Dtype::uint8     ? given == nb::dtype<std::uint8_t>()
                          : dtype == Dtype::float32 ? given == nb::dtype<float>()
                                                    : given.bits == 16 && given.lanes == 1;
        if (!fits) throw nb::type_error("the output's dtype is not the program's");
        return given.bits / 8;
    }

    PyJob render_parts(nb::handle records, nb::handle program, std::size_t first, nb::handle out, nb::list beside, Slots slots_of) {
        std::vector<RenderPart> parts;
        std::vector<nb::object> keep;
        parts.push_back(part(records, program, first, out, slots_of, keep));
        for (nb::handle one : beside) {
            const auto [its_records, its_program, its_out] = nb::cast<std::tuple<nb::object, nb::object, nb::object>>(one);
            parts.push_back(part(its_records, its_program, first, its_out, slots_of, keep));
            if (parts.back().count() != parts.front().count()) throw nb::value_error("something for every picture is expected");
        }
        return submit(std::make_shared<RenderJob>(std::move(parts), clock_), std::move(keep));
    }

    static RenderPart part(nb::handle records, nb::handle program, std::size_t first, nb::handle out, Slots slots_of, std::vector<nb::object>& keep) {
        auto& group = nb::cast<PyRecords&>(records);
        auto& plan = nb::cast<PyProgram&>(program);
        std::vector<Slot> slots = slots_of(out, plan.program->final_store(), keep);
        const std::size_t count = group.group->records.size();
        if (plan.rows != count || first > count || slots.size() > count - first) throw nb::value_error("records, program and output do not match");
        if (plan.program->passes.empty()) throw nb::value_error("a program has at least one pass");
        for (const Slot& slot : slots)
            if (slot.channels > kMaxChannels) throw nb::value_error("at most 32 channels");
        keep.push_back(nb::borrow(records));
        keep.push_back(nb::borrow(program));
        return {group.group, plan.program, first, std::move(slots)};
    }

    PyJob submit(std::shared_ptr<Job> job, std::vector<nb::object> keep) {
        if (process_ != process_id())
            throw std::runtime_error("this loader's threads stayed behind in the process that forked: make the Loader in the child process");
        PyJob handle(job, std::move(keep));
        pool_->submit(std::move(job));
        return handle;
    }

    std::unique_ptr<Pool> pool_;
    std::shared_ptr<StageClock> clock_;
    long process_ = process_id();
};

struct PyRecycler {
    std::shared_ptr<Recycler> recycler;

    explicit PyRecycler(std::size_t most_idle) : recycler(std::make_shared<Recycler>(most_idle)) {}

    // A byte array whose memory comes back here when the last view of it is gone.
    nb::ndarray<nb::numpy, std::uint8_t, nb::ndim<1>> take(std::size_t bytes) {
        struct Lease {
            std::shared_ptr<Recycler> home;
            Recycler::Block block;
        };
        auto lease = std::make_unique<Lease>(Lease{recycler, recycler->acquire(bytes)});
        void* const data = lease->block.data;
        nb::capsule owner(lease.get(), [](void* p) noexcept {
            const std::unique_ptr<Lease> ended(static_cast<Lease*>(p));
            ended->home->release(ended->block);
        });
        (void)lease.release();
        return nb::ndarray<nb::numpy, std::uint8_t, nb::ndim<1>>(data, {bytes}, owner);
    }
};

}  // namespace

void bind_jobs(nb::module_& m) {
    nb::class_<PyJob>(m, "Job")
        .def("wait", &PyJob::wait, "milliseconds"_a)
        .def("cancel", [](PyJob& self) { self.job->cancel(); })
        .def("faults", &PyJob::faults, "part"_a = 0);

    nb::class_<PyPool>(m, "Pool")
        .def(nb::init<unsigned>(), "threads"_a)
        .def_prop_ro("threads", &PyPool::threads)
        .def("set_threads", &PyPool::set_threads, "threads"_a)
        .def("limit_memory", &PyPool::limit_memory, "most"_a)
        .def("times", &PyPool::times)
        .def("fetch", &PyPool::fetch, "records"_a, "files"_a, "most_pixels"_a, "png"_a = nb::none())
        .def("render", &PyPool::render, "records"_a, "program"_a, "first"_a, "out"_a, "beside"_a = nb::list())
        .def("render_each", &PyPool::render_each, "records"_a, "program"_a, "outs"_a, "beside"_a = nb::list());

    nb::class_<PyRecycler>(m, "Recycler")
        .def(nb::init<std::size_t>(), "most_idle"_a)
        .def("take", &PyRecycler::take);
}

}  // namespace imagefeed
