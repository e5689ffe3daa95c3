#include "inverse.hpp"

#include "kernels.hpp"
#include "takeover.hpp"

namespace imagefeed {
namespace {

static_assert(sizeof(JSAMPLE) == 1 && sizeof(UINT16) == 2, "samples and factors are as wide as libjpeg's");

}  // namespace

// The head of what libjpeg calls `struct jpeg_inverse_dct`; see entropy.cpp.
struct InverseMethods {
    void (*start_pass)(j_decompress_ptr);
    void (*inverse[MAX_COMPONENTS])(j_decompress_ptr, jpeg_component_info*, JCOEFPTR, JSAMPARRAY, JDIMENSION);
};

void InverseTransform::attach(jpeg_decompress_struct& info) {
    if (kernels().inverse_dct == nullptr || info.data_precision != 8 || info.dct_method != JDCT_ISLOW) return;
    auto& methods = *reinterpret_cast<InverseMethods*>(info.idct);
    for (int k = 0; k < info.num_components; ++k) {
        const jpeg_component_info& component = info.comp_info[k];
        if (!component.component_needed || scaled_size(component) != DCTSIZE || component.quant_table == nullptr) continue;
        theirs_[k] = methods.inverse[k];
        methods.inverse[k] = &InverseTransform::transform;
    }
}

void InverseTransform::transform(j_decompress_ptr info, jpeg_component_info* component, JCOEFPTR block, JSAMPARRAY rows, JDIMENSION column) {
    if (!kernels().inverse_dct(block, component->quant_table->quantval, rows, column))
        Takeover::of(info).inverse.theirs_[component->component_index](info, component, block, rows, column);
}

}  // namespace imagefeed
