#include "scan_reader.hpp"

#include <algorithm>
#include <cstring>

#include "kernels.hpp"

namespace imagefeed {
namespace {

constexpr unsigned kFirstRestart = 0xD0;  // RST0; seven more follow

}  // namespace

void ScanReader::begin(const Scan& scan, const std::uint8_t* stored, const std::uint8_t* stored_end, unsigned restart_interval) {
    scan_ = scan;
    stored_ = stored;
    stored_end_ = stored_end;
    at_marker_ = false;
    scan_.next = clean_end_ = clean_;
    restart_interval_ = until_restart_ = restart_interval;
    next_restart_ = 0;
    put_off_ = 0;
}

// What is left of the part before, and the next part, up to a marker; after it, zeros for an MCU that is cut off there.
void ScanReader::clean_more() {
    const auto left = static_cast<std::size_t>(clean_end_ - scan_.next);
    std::memmove(clean_, scan_.next, left);
    std::uint8_t* out = clean_ + left;
    std::uint8_t* const full = out + kPart;
    while (out != full) {
        const auto most = static_cast<std::size_t>(std::min<std::ptrdiff_t>(full - out, stored_end_ - stored_));
        const auto* const found = static_cast<const std::uint8_t*>(most == 0 ? nullptr : std::memchr(stored_, 0xFF, most));
        const std::size_t plain = found == nullptr ? most : static_cast<std::size_t>(found - stored_);
        std::memcpy(out, stored_, plain);
        out += plain;
        stored_ += plain;
        if (out == full) break;
        if (stored_end_ - stored_ < 2 || stored_[1] != 0) {
            at_marker_ = true;
            break;
        }
        *out++ = 0xFF;
        stored_ += 2;
    }
    std::memset(out, 0, kMostMcuBytes);
    scan_.next = clean_;
    clean_end_ = out;
}

// Of the cleaned data; negative where more was read than there is.
std::ptrdiff_t ScanReader::bits_left() const {
    return 8 * (clean_end_ - scan_.next) + static_cast<std::ptrdiff_t>(scan_.count);
}

// The marker that stands after every interval: predictions begin anew, at a whole byte.
bool ScanReader::restart() {
    if (!at_marker_ && clean_end_ == scan_.next) clean_more();
    // Before it stands less than a byte of padding, or something is wrong.
    if (!at_marker_ || bits_left() >= 8 || stored_end_ - stored_ < 2) return false;
    if (stored_[1] != kFirstRestart + next_restart_) return false;
    stored_ += 2;
    at_marker_ = false;
    scan_.next = clean_end_ = clean_;
    scan_.word = scan_.count = 0;
    std::memset(scan_.dc, 0, sizeof scan_.dc);
    next_restart_ = (next_restart_ + 1) % 8;
    until_restart_ = restart_interval_;
    return true;
}

// To the marker at the end of an interval, where nothing before it is needed.
void ScanReader::leap() {
    scan_.next = clean_end_ = clean_;
    scan_.word = scan_.count = 0;
    while (!at_marker_) {
        const auto* const found = static_cast<const std::uint8_t*>(std::memchr(stored_, 0xFF, static_cast<std::size_t>(stored_end_ - stored_)));
        stored_ = found == nullptr ? stored_end_ : found;
        at_marker_ = stored_end_ - stored_ < 2 || stored_[1] != 0;
        if (!at_marker_) stored_ += 2;
    }
    until_restart_ = 0;
}

// MCUs that are not needed are put off: where they are all that is left of a restart interval, they are never read.
bool ScanReader::catch_up() {
    while (put_off_ > 0) {
        if (restart_interval_ != 0 && until_restart_ == 0 && !restart()) return false;
        if (restart_interval_ != 0 && put_off_ >= until_restart_) {
            put_off_ -= until_restart_;
            leap();
        } else {
            --put_off_;
            if (!read_next(nullptr)) return false;
        }
    }
    return true;
}

bool ScanReader::read_next(std::int16_t* const* blocks) {
    if (restart_interval_ != 0) {
        if (until_restart_ == 0 && !restart()) return false;
        --until_restart_;
    }
    if (!at_marker_ && clean_end_ - scan_.next < static_cast<std::ptrdiff_t>(kMostMcuBytes)) clean_more();
    return kernels().scan_mcu(scan_, blocks) && bits_left() >= 0;
}

}  // namespace imagefeed
