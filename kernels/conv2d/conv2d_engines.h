#pragma once

// The engines of the three ops of this room. Internal: conv2d.cpp lists them.

#include <voluta/core/graph/op.h>

namespace voluta {

extern const Engine kConv2dReference, kConv2dInputGradientReference, kConv2dFilterGradientReference;
extern const Engine kConv2dOnednn, kConv2dInputGradientOnednn, kConv2dFilterGradientOnednn;
extern const Engine kConv2dCudnn, kConv2dInputGradientCudnn, kConv2dFilterGradientCudnn;
extern const Engine kConv2dCudnnHalf, kConv2dInputGradientCudnnHalf, kConv2dFilterGradientCudnnHalf;
extern const Engine kConv2dCudnnTf32, kConv2dInputGradientCudnnTf32, kConv2dFilterGradientCudnnTf32;

#ifdef VOLUTA_WITH_CUDA
extern const Engine kConv2dDirect, kConv2dInputGradientDirect, kConv2dFilterGradientDirect;
extern const Engine kConv2dImplicitGemm, kConv2dInputGradientImplicitGemm,
    kConv2dFilterGradientImplicitGemm;
extern const Engine kConv2dImplicitGemmTmaWgmma, kConv2dInputGradientImplicitGemmTmaWgmma,
    kConv2dFilterGradientImplicitGemmTmaWgmma;
extern const Engine kConv2dStagedRowsMma, kConv2dFilterGradientStagedRowsMma;
extern const Engine kConv2dGroupedRowsMma, kConv2dInputGradientGroupedRowsMma,
    kConv2dFilterGradientGroupedRowsMma;
extern const Engine kConv2dImplicitGemmTmaWgmmaTf32, kConv2dInputGradientImplicitGemmTmaWgmmaTf32,
    kConv2dFilterGradientImplicitGemmTmaWgmmaTf32;
extern const Engine kConv2dImplicitGemmMma, kConv2dInputGradientImplicitGemmMma,
    kConv2dFilterGradientImplicitGemmMma;
extern const Engine kConv2dImplicitGemmMmaTf32, kConv2dInputGradientImplicitGemmMmaTf32,
    kConv2dFilterGradientImplicitGemmMmaTf32;
extern const Engine kConv2dSplitK, kConv2dInputGradientSplitK;
extern const Engine kConv2dSplitKTmaWgmma, kConv2dInputGradientSplitKTmaWgmma;
extern const Engine kConv2dSplitKTmaWgmmaTf32, kConv2dInputGradientSplitKTmaWgmmaTf32;
extern const Engine kConv2dSplitKMma, kConv2dInputGradientSplitKMma;
extern const Engine kConv2dSplitKMmaTf32, kConv2dInputGradientSplitKMmaTf32;
extern const Engine kConv2dWinograd2x2, kConv2dInputGradientWinograd2x2,
    kConv2dFilterGradientWinograd2x2;
extern const Engine kConv2dWinograd4x4, kConv2dInputGradientWinograd4x4;
#endif

}  // namespace voluta
