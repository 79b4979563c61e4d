#!/usr/bin/env python3
"""Breaks CUDA kernels by one index, bound or barrier each, and expects the tests to notice.

    python3 tests/judge/mutations.py --build build/dev [--jobs 2] [--only TEXT]

For each mutation: the .cu files that see the changed text are compiled again for simt/ from an
overlay (the tree is not touched), kernel_simt_tests is linked with them, and the tests of the op
must fail. Exits with 1 where a mutation survives or can no longer be applied.
Needs a finished build of kernel_simt_tests by Ninja.
"""
import argparse
import concurrent.futures
import json
import os
import pathlib
import shlex
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]

# (file under kernels/, text, what it becomes, GoogleTest filter). The text's first occurrence.
DEPTH = "depthwise_conv2d*"
TF32 = "conv2d.*c36k*"  # problems that the tf32 engines of sm_90 take
SUMS = "conv2d_input_gradient.*sums*"
CONV, DX, DW = "conv2d.*", "conv2d_input_gradient.*", "conv2d_filter_gradient.*"
MUTATIONS = [
    ("conv2d/conv2d_direct.cu", "g.input_row(p, r);", "g.input_row(p, r + 1);", CONV),
    ("conv2d/conv2d_direct.cu", "c < g.group_c; ++c) sum", "c + 1 < g.group_c; ++c) sum", CONV),
    ("conv2d/conv2d_direct.cu", "w < 0 || w >= g.w", "w < 0 || w > g.w", CONV),
    ("conv2d/conv2d_direct.cu", "k / g.group_k * g.group_c;", "k / g.group_c * g.group_c;", CONV),
    ("conv2d/conv2d_direct.cu", "g.output_column(w, s)", "g.output_column(w + 1, s)", DX),
    ("conv2d/conv2d_direct.cu", "k < g.group_k; ++k) sum", "k < g.k; ++k) sum", DX),
    ("conv2d/conv2d_direct.cu", "n < g.n; ++n", "n + 1 < g.n; ++n", DW),
    ("conv2d/conv2d_implicit_gemm.cuh", "b.store(tiles_b[0]);\n  __syncthreads();",
     "b.store(tiles_b[0]);", CONV),
    ("conv2d/conv2d_implicit_gemm.cuh", "    }\n    __syncthreads();\n  }", "    }\n  }", CONV),
    ("conv2d/conv2d_implicit_gemm.cuh", "more = depth + kTileDepth < depth_end",
     "more = depth + 2 * kTileDepth < depth_end", CONV),
    ("conv2d/conv2d_implicit_gemm.cuh", "valid_[held] && depth < depth_end", "valid_[held]", DW),
    ("conv2d/conv2d_implicit_gemm.cuh", "row >= view.grid.rows", "row > view.grid.rows", CONV),
    ("conv2d/conv2d_implicit_gemm.cuh", "depth < kTileDepth; ++depth) {\n      float",
     "depth + 1 < kTileDepth; ++depth) {\n      float", CONV),
    ("conv2d/conv2d_implicit_gemm.cu", "p * g.u - g.top", "p * g.u - g.top + 1", CONV),
    ("conv2d/conv2d_implicit_gemm.cu", "w >= view.g.w", "w > view.g.w", CONV),
    ("conv2d/conv2d_implicit_gemm.cu", "epilogue.channel(k)", "epilogue.channel(column)", CONV),
    ("conv2d/conv2d_implicit_gemm.cu", "s * g.m", "s * g.l", CONV),
    ("conv2d/conv2d_input_gradient_implicit_gemm.cu", "h + g.top", "h + g.left", DX),
    ("conv2d/conv2d_input_gradient_implicit_gemm.cu", " || between_columns != 0", "", DX),
    ("conv2d/conv2d_input_gradient_implicit_gemm.cu", "p < 0 || q < 0", "p < 0", DX),
    ("conv2d/conv2d_filter_gradient_implicit_gemm.cu", "q * g.v, depth", "q * g.u, depth", DW),
    ("conv2d/conv2d_epilogue.cuh", "args, inputs_.shift)", "args, inputs_.scale)", CONV),
    ("conv2d/conv2d_tma_wgmma_results.cuh", "quads[i];\n  }\n  __syncwarp();", "quads[i];\n  }",
     "conv2d.*f16"),
    ("conv2d/conv2d_implicit_gemm_tma_wgmma.cu", "right = epilogue.channel(k + 1)",
     "right = epilogue.channel(k)", "conv2d.*f16"),
    ("depthwise_conv2d/depthwise_conv2d_row_tile.cu", "epilogue.channel(k + lane)",
     "epilogue.channel(k)", DEPTH),
    ("depthwise_conv2d/depthwise_conv2d_row_tile.cu", "epilogue.residual + at",
     "epilogue.residual + first", DEPTH),
    ("common/column_moments.cuh", "total(0, column) / static_cast<float>(target.rows)",
     "total(0, column) / 128.0f", CONV),
    ("common/column_moments.cuh", "if (upper) first +=", "if (!upper) first +=", "conv2d.*f16"),
    ("common/column_moments.cuh", "scratch.means[own.column(slot)]", "scratch.means[0]", CONV),
    ("common/mma_product.cuh", "target.rows - warp_row", "target.rows",
     "conv2d.*f16"),
    ("conv2d/conv2d_tma_wgmma.cuh", "stage.parity ^ 1);", "stage.parity);", "conv2d.*f16"),
    ("conv2d/conv2d_tma_wgmma.cuh", "      wait_for_phase(pipeline.full(stage.index), stage.parity);",
     "", "conv2d.*f16"),
    ("conv2d/conv2d_tma_wgmma.cuh", "        wait_products<1>();\n        release(previous);",
     "        release(previous);", "conv2d.*f16"),
    ("conv2d/conv2d_tma_wgmma.cuh", "    wait_products<0>(sums);\n", "", "conv2d.*f16"),
    ("conv2d/conv2d_tma_wgmma.cuh", "a(stage.index) + warpgroup * kBlockBytes",
     "a(stage.index)", "conv2d.*f16"),
    ("conv2d/conv2d_tma_wgmma.cuh", "i < kSwizzledRowBytes / kWgmmaStepBytes; ++i",
     "i + 1 < kSwizzledRowBytes / kWgmmaStepBytes; ++i", "conv2d.*f16"),
    ("conv2d/conv2d_tma_wgmma_results.cuh", "(chunk ^ swizzle) * 16", "(chunk ^ swizzle) * 16 % 80",
     "conv2d.*f16"),
    ("conv2d/conv2d_tma_wgmma_results.cuh", "chunk = column / kChunkElements<T>", "chunk = j", TF32),
    ("conv2d/conv2d_implicit_gemm_tma_wgmma.cu", "c_ += kDepth<T>;", "c_ += 64;", TF32),
    ("conv2d/conv2d_implicit_gemm_tma_wgmma.cu", "(kRowElements<T> / 2)", "32", TF32),
    ("conv2d/conv2d_implicit_gemm_tma_wgmma.cu", "if (z != nullptr) load_pair<T>(at, pair);", "",
     CONV),
    ("conv2d/conv2d_tma_wgmma_transpose.cuh", "line[j] = make_uint4(word(4 * j), word(4 * j + 1)",
     "line[j] = make_uint4(word(4 * j), word(4 * j)", DW),
    ("conv2d/conv2d_tma_wgmma_transpose.cuh", "  __syncwarp();\n", "", DW),
    ("conv2d/conv2d_tma_wgmma_transpose.cuh", "(chunk ^ (row % 8)) * 16", "chunk * 16", DW),
    ("conv2d/conv2d_tma_wgmma.cuh", "        meet_consumers(pipeline, parity);\n      }\n", "      }\n",
     DW),
    ("conv2d/conv2d_filter_gradient_implicit_gemm_tma_wgmma.cu", "first_c + j * kRowElements<T>",
     "first_c", DW),
    ("common/wgmma.cuh", "uint64_t{1024 >> 4}", "uint64_t{512 >> 4}", TF32),
    ("conv2d/conv2d_tma_wgmma_results.cuh", "  __syncwarp();  // the next", "  // the next", "conv2d.*f16"),
    ("conv2d/conv2d_implicit_gemm_tma_wgmma.cu", "c_ = 0;\n      if (++s_ < g.s)",
     "c_ = 0;\n      if (++s_ <= g.s)", "conv2d.*f16"),
    ("conv2d/conv2d_implicit_gemm_tma_wgmma.cu", "s_ * g.m, r_ * g.l", "s_ * g.l, r_ * g.m",
     "conv2d.*f16"),
    ("conv2d/conv2d_implicit_gemm_tma_wgmma.cu", "pixel < rows ?", "pixel <= rows ?", "conv2d.*f16"),
    ("conv2d/conv2d_implicit_gemm_tma_wgmma.cu", "view.g.v - view.g.left", "view.g.v - view.g.top",
     "conv2d.*f16"),
    ("conv2d/conv2d_input_gradient_implicit_gemm_tma_wgmma.cu", "(along.taps - 1 - s_) * view_",
     "s_ * view_", DX + "*f16"),
    ("conv2d/conv2d_phases.cuh", "stride / divisor",
     "stride", DX + "*f16"),
    ("conv2d/conv2d_input_gradient_implicit_gemm_tma_wgmma.cu", "phase.horizontal.first + j * g.v",
     "phase.vertical.first + j * g.v", DX + "*f16"),
    ("conv2d/conv2d_input_gradient_implicit_gemm_tma_wgmma.cu", "std::swap(g.c, g.k);", "", DX),
    ("conv2d/conv2d_input_gradient_implicit_gemm_tma_wgmma.cu", "full, k_, tap, first_column_",
     "full, first_column_, tap, k_", DX),
    ("conv2d/conv2d_filter_gradient_implicit_gemm_tma_wgmma.cu", "pixel_(tile.split * view.steps_per_split * kDepth<T>)",
     "pixel_(tile.split * kDepth<T>)", DW + "*f16"),
    ("conv2d/conv2d_filter_gradient_implicit_gemm_tma_wgmma.cu", "block.first_c + column >= g.c",
     "block.first_c + column > g.c", DW + "*f16"),
    ("conv2d/conv2d_filter_gradient_implicit_gemm_tma_wgmma.cu", "pixel_ += kDepth<T>", "pixel_ += kDepth<T> / 2",
     DW + "*f16"),
    ("conv2d/conv2d_winograd.h", "{0, -1, 1, 0}, {0, 1, 0, -1}", "{0, 1, 1, 0}, {0, 1, 0, -1}",
     CONV),
    ("conv2d/conv2d_winograd.h", "{0, 1, -1, 8, -8, 1}", "{0, 1, -1, 4, -8, 1}", DX),
    ("conv2d/conv2d_winograd.cuh", "w >= 0 && w < g.w", "w >= 0 && w <= g.w", CONV),
    ("conv2d/conv2d_winograd.cuh", "p >= g.p || q >= g.q", "p >= g.p", CONV),
    ("conv2d/conv2d_winograd.cuh", "at.row - g.top", "at.row - g.left", CONV),
    ("conv2d/conv2d_winograd.cuh", "* 3 + 2 - s)", "* 3 + s)", DX),
    ("conv2d/conv2d_winograd.cuh", "if (c < g.c && k < g.k)", "if (k < g.k)", CONV),
    ("conv2d/conv2d_winograd_2x2.cu", "    __syncthreads();  // this stage", "    // this stage",
     CONV),
    ("conv2d/conv2d_winograd_2x2.cu", "    wait_copies<0>();\n", "", CONV),
    ("conv2d/conv2d_winograd_2x2.cu", "sums.gather<0>(shared);\n  __syncthreads();",
     "sums.gather<0>(shared);", CONV),
    ("conv2d/conv2d_winograd_2x2.cu", "first_k);\n  __syncthreads();", "first_k);", CONV),
    ("conv2d/conv2d_winograd_2x2.cu", "valid && c < channels", "valid", CONV),
    ("conv2d/conv2d_winograd_2x2.cu", "first_tile, first_k + kRound", "first_tile, first_k", CONV),
    ("conv2d/conv2d_winograd_2x2.cu", "first_tile + i >= view", "first_tile + i > view", CONV),
    ("conv2d/conv2d_winograd_2x2.cu", "half * 16) ^ (channel", "half * 16) + (channel", CONV),
    ("conv2d/conv2d_winograd_4x4.cu", "tile >= g.tiles * g.c", "tile + 1 >= g.tiles * g.c", CONV),
    ("conv2d/conv2d_winograd_4x4.cu", "k, epilogue, outputs", "k, {}, outputs", CONV),
    ("conv2d/conv2d_winograd_4x4.cu", "line[depth * view.grid.columns]",
     "line[depth * view.grid.depth]", DX),
    ("common/partial_sums.cuh", "split < splits; ++split",
     "split + 1 < splits; ++split", DW),
    ("depthwise_conv2d/depthwise_conv2d_tile.cuh", "view.g.k - first", "view.g.k - first - 1", DEPTH),
    ("depthwise_conv2d/depthwise_conv2d_tile.cuh", "  }\n  __syncthreads();", "  }", DEPTH),
    ("depthwise_conv2d/depthwise_conv2d_tile.cuh", "group < view.tile.groups", "true", DEPTH),
    ("depthwise_conv2d/depthwise_conv2d_row_tile.cu", "s = j - i * kStride", "s = j - i", DEPTH),
    ("depthwise_conv2d/depthwise_conv2d_row_tile.cu", "column + i >= g.q", "column + i > g.q", DEPTH),
    ("depthwise_conv2d/depthwise_conv2d_row_tile.cu", "by_multiplier.quotient(k)", "by_u.quotient(k)",
     DEPTH),
    ("depthwise_conv2d/depthwise_conv2d_input_gradient_row_tile.cu", "-(2 / kStride)",
     "1 - (2 / kStride)", "depthwise_conv2d_input_gradient.*"),
    ("depthwise_conv2d/depthwise_conv2d_input_gradient_row_tile.cu", "g.left % g.v : 0", "0 : 0",
     "depthwise_conv2d_input_gradient.*"),
    ("depthwise_conv2d/depthwise_conv2d_input_gradient_row_tile.cu", "j < view.multiplier", "j < 1",
     "depthwise_conv2d_input_gradient.*"),
    ("depthwise_conv2d/depthwise_conv2d_filter_gradient_two_pass_reduction.cu",
     "place.strip_block} * g.k", "place.strip_block} * g.c", "depthwise_conv2d_filter_gradient.*"),
    ("linear/gemm_tile.cuh", " && k_of(r) < k_left", "", "linear.*"),
    ("linear/gemm_tile.cuh", "k < kDepth; ++k", "k + 1 < kDepth; ++k", "linear.*"),
    ("linear/linear_tiled.cu", "b_slices[0]);\n  __syncthreads();", "b_slices[0]);", "linear.*"),
    ("linear/linear_tiled.cu", "    }\n    __syncthreads();\n  }", "    }\n  }", "linear.*"),
    ("linear/linear_tiled.cu", "i >= extent_i", "i > extent_i", "linear.*"),
    ("bias/bias_broadcast.cu", "% groups", "% (groups + 1)", "bias.*"),
    ("bias/bias_gradient_two_pass_reduction.cu", "columns % kVector<T> == 0 && aligned16(dy, to)",
     "columns % 4 == 0 && aligned16(dy, to)", "bias_gradient.*"),
    ("bias/bias_gradient_two_pass_reduction.cu", "rows * (blockIdx.y + 1) / gridDim.y",
     "rows * (blockIdx.y + 1) / gridDim.y - 1", "bias_gradient.*"),
    ("common/reduction.cuh", "(rows + 1) / 2", "rows / 2", "bias_gradient.*"),
    ("common/reduction.cuh", "width]);\n    __syncthreads();", "width]);", "bias_gradient.*"),
    ("common/elementwise.cuh", "groups * kWidth + grid_thread()", "groups * kWidth + 1 + grid_thread()",
     "add.*:activation.*"),
    ("common/elementwise.cuh", "i < groups; i += grid_threads()",
     "i < groups; i += count", "add.*:activation.*"),
    ("cast/cast_elementwise.cu", "count,\n           aligned16(x, y))", "count - 1,\n           aligned16(x, y))", "cast.*"),
    ("scale/scale_elementwise.cu", "return factor * v", "return factor + v", "scale.*"),
    ("squared_error/squared_error_two_pass_reduction.cu", "j < 4 * i + 4", "j < 4 * i + 3",
     "squared_error.*"),
    ("squared_error/squared_error_two_pass_reduction.cu", "j = 4 * groups + grid_thread()",
     "j = 4 * groups + 1 + grid_thread()", "squared_error.*"),
    ("squared_error/squared_error_two_pass_reduction.cu", "factor * (p - t)", "factor * (p + t)",
     "squared_error_gradient.*"),
    ("common/reduction.cuh", "warp = 1; warp < blockDim.x", "warp = 2; warp < blockDim.x",
     "squared_error.*"),
    ("activation/activation_elementwise.cu", "activate(kind, v, slope)", "activate(kind, v)",
     "activation.*"),
    ("activation/activation_elementwise.cu", "activate_gradient(kind, k, g, slope)",
     "activate_gradient(kind, k, g)", "activation_gradient.*"),
    ("common/tiled_transpose.cuh", "    }\n    __syncthreads();\n    for", "    }\n    for",
     "flatten.*"),
    ("common/tiled_transpose.cuh", "columns) {\n        to[", "columns || true) {\n        to[",
     "flatten.*"),
    ("common/tiled_transpose.cuh", "matrix * t.to.matrix", "matrix * t.from.matrix", DX),
    ("concat/concat_copy_columns.cu", "if (all % 16 == 0 && aligned16", "if (all % 4 == 0 && aligned16",
     "concat.*16"),
    ("pool2d/pool2d_direct.cu", "g.c % kVector<T> == 0", "g.c % 4 == 0", "pool2d.*16"),
    ("pool2d/pool2d_walk.cuh", "groups + at.group), r * g.s + s", "groups + at.group), r * g.r + s",
     "pool2d.*"),
    ("pool2d/pool2d_walk.cuh", "at.row * g.u - g.top + r", "at.row * g.u - g.left + r", "pool2d.*"),
    ("pool2d/pool2d_direct.cu", "!beats<kLeast>(value.lane[lane], best.lane[lane])",
     "value.lane[lane] < best.lane[lane]", "pool2d.*"),
    ("pool2d/pool2d_direct.cu", "!beats<kLeast>(value.lane[lane], best.lane[lane])",
     "value.lane[lane] < best.lane[lane]", "HalfValues.*"),
    ("pool2d/pool2d_gradient_gather.cu", "p * g.u) * g.s", "p * g.u) * g.r",
     "max_pool2d_gradient.*"),
    ("pool2d/pool2d_gradient_gather.cu", "g.divisor(p, q, g.window_rows(p), g.window_columns(q))",
     "g.divisor(p, q, g.window_rows(q), g.window_columns(p))", "average_pool2d_gradient.*"),
    ("softmax/softmax_online.cu", "/ total.sum", "/ own.sum", "softmax.*"),
    ("softmax/softmax_online.cu", "j < k; j += kThreads) own.add", "j + 1 < k; j += kThreads) own.add",
     "softmax.*"),
    ("common/online_softmax.cuh", "offset = 16", "offset = 8", "softmax.*"),
    ("common/online_softmax.cuh", "own.sum;\n    }\n    __syncthreads();", "own.sum;\n    }",
     "softmax.*"),
    ("common/online_softmax.cuh", "w = 1; w < kRowWarps", "w = 2; w < kRowWarps", "softmax.*"),
    ("softmax_cross_entropy/softmax_cross_entropy_online.cu", "label < k", "label <= k",
     "BadLabels.*"),
    ("softmax_cross_entropy/softmax_cross_entropy_online.cu", "half > 0; half /= 2", "half > 1; half /= 2",
     "softmax_cross_entropy.*"),
    ("softmax_cross_entropy/softmax_cross_entropy_online.cu", "j == label ?", "j == label + 1 ?",
     "softmax_cross_entropy_gradient.*"),
    ("softmax_cross_entropy/softmax_cross_entropy_online.cu", "distances += target *",
     "distances += ", "softmax_cross_entropy.*"),
    ("softmax_cross_entropy/softmax_cross_entropy_online.cu", "weight * probability", "probability",
     "softmax_cross_entropy_gradient.*"),
    ("optimizer/optimizer_rules.h", "g + momentum * slots[0] : slots[0]", "slots[0] : slots[0]",
     "sgd_update.*"),
    ("common/multi_tensor.cuh", "first_chunk[middle] <= chunk", "first_chunk[middle] < chunk",
     "*_update.*"),
    ("common/multi_tensor.cuh", "next.chunks_before = chunks();", "", "tensor_norms.*"),
    ("classification_metrics/classification_metrics_warp_per_row.cu", "== own && j < label", "== own && j > label",
     "classification_metrics.*"),
    ("classification_metrics/classification_metrics_warp_per_row.cu", "rank < kTop", "rank <= kTop",
     "classification_metrics.*"),
    ("common/channel_tiles.cuh", "row < rows_at_once && group", "group", "batch_norm*"),
    ("common/channel_tiles.cuh", "return rows * run / runs;", "return rows / runs * run;", "batch_norm*"),
    ("local_response_norm/local_response_norm_tiled_window.cu", "channels - 1 - c", "channels - c",
     "local_response_norm*"),
    ("local_response_norm/local_response_norm_tiled_window.cu", "w.after, w.before)", "w.before, w.after)",
     "local_response_norm*"),
    ("local_response_norm/local_response_norm_tiled_window.cu", "  }\n  __syncthreads();\n}", "  }\n}",
     "local_response_norm*"),
    ("augmentation/augmentation_elementwise.cu", "4 * at.picture", "at.picture", "erase*"),
    ("augmentation/augmentation_elementwise.cu", "e.line() % 4", "e.picture() % 4", "erase*"),
    ("augmentation/augmentation_elementwise.cu", "at.element + lane));", "at.element));", "mix*"),
    ("augmentation/augmentation_elementwise.cu", "if (k == 0) ", "if (k == 1) ", "mix_labels*"),
    ("color_jitter/color_jitter_two_pass.cu", "contrast, factors, 0.0f", "kChanges, factors, 0.0f",
     "color_jitter*"),
    ("color_jitter/color_jitter_two_pass.cu", "* chunks + i]", "+ i]", "color_jitter*"),
    ("color_jitter/color_jitter_two_pass.cu", "begin + kChunkPixels, pixels", "begin + kBlock, pixels",
     "color_jitter*"),
    ("trivial_augment/trivial_augment_level_table.cu", "i += kTableBlock", "i += 2 * kTableBlock",
     "trivial_augment*"),
    ("trivial_augment/trivial_augment_level_table.cu", "thread < kChannels", "thread < 1",
     "trivial_augment*"),
    ("trivial_augment/trivial_augment_level_table.cu", "int64_t{6} * n", "6", "trivial_augment*"),
    ("picture_view/picture_view_elementwise.cu", "column = element + lane", "column = element",
     "view_pictures*"),
    ("picture_view/picture_view_elementwise.cu", "int64_t{4} * n", "4", "view_pictures*"),
    ("picture_resize/picture_resize_separable_tiles.cu", "view.horizontal.count - 1 - w", "w",
     "resize_pictures*"),
    ("picture_resize/picture_resize_separable_tiles.cu", "last.first + last.count - first", "last.count",
     "resize_pictures*"),
    ("picture_resize/picture_resize_separable_tiles.cu", "(first + line) * stride", "line * stride",
     "resize_pictures*"),
    ("picture_resize/picture_resize_separable_tiles.cu", "  __syncthreads();\n  write_rows", "  write_rows",
     "resize_pictures*"),
    ("picture_resize/picture_resize_separable_tiles.cu", "at.top + row);", "row);", "resize_pictures*"),
    ("picture_resize/picture_resize_separable_tiles.cu", "element % 3 * 256", "element % 2 * 256",
     "resize_pictures*"),
    ("dropout/dropout_elementwise.cu", "item * (kWidth / 4) + block, now", "item + block, now",
     "dropout.*16"),
    ("dropout/dropout_elementwise.cu", "item < count / kWidth)", "item <= count / kWidth)", "dropout.*"),
    ("dropout/dropout_elementwise.cu", "+ block, now)", "+ block, now + 1)", "dropout.*"),
    ("batch_norm/batch_norm_chunked_moments.cu", "taken = i + 1", "taken = i", "batch_norm*"),
    ("batch_norm/batch_norm_chunked_moments.cu", "at >= end", "at > end", "batch_norm*"),
    ("batch_norm/batch_norm_moments.cuh", "d * scale", "d * weight", "batch_norm*"),
    ("batch_norm/batch_norm_moments.cuh", "rows - 1)", "rows)", "batch_norm*"),
    ("batch_norm/batch_norm_moments.cuh", "first + groups + my.group", "first + my.group",
     "batch_norm*"),
    ("batch_norm/batch_norm_moments.cuh", "return row < rows ? row : rows;", "return row;",
     "batch_norm*"),
    ("batch_norm/batch_norm_given_moments.cu", "left < kMomentsRows ? left : kMomentsRows",
     "kMomentsRows", "batch_norm*"),
    ("batch_norm/batch_norm_given_moments.cu", "(part * 2 + 1) * groups", "part * 2 * groups",
     "batch_norm*"),
    ("batch_norm/batch_norm_normalise.cuh", "row += kRows * step", "row += step * 5",
     "batch_norm*"),
    ("batch_norm/batch_norm_normalise.cuh", "u += residual[i]", "u -= residual[i]", "batch_norm*"),
    ("common/normalised.h", "(u >= high)", "(u > high)", "batch_norm*"),
    ("batch_norm/batch_norm_gradient.cuh", "if constexpr (kThrough == Through::kKept) {\n        grad",
     "if constexpr (kThrough == Through::kArgument) {\n        grad", "batch_norm*"),
    ("batch_norm/batch_norm_gradient_two_pass_reduction.cu", "with.at.dy = with.at.du;", "",
     "batch_norm*"),
    ("batch_norm/batch_norm_gradient.cuh", "run += my.rows_at_once", "run += 32", "batch_norm*"),
    ("batch_norm/batch_norm_gradient.cuh", "through - shift", "through + shift", "batch_norm*"),
    ("batch_norm/batch_norm_gradient_given_sums.cu", "(part * 2 + 1) * groups",
     "part * 2 * groups", "batch_norm*sums*"),
    ("batch_norm/batch_norm_gradient_given_sums.cu", "part += my.rows_at_once", "part += 32",
     "batch_norm*sums*"),
    ("common/column_sums.cuh",
     "f.through_argument(normalised(value, of.mean, of.scale, of.bias), dx)", "dx", SUMS),
    ("common/column_sums.cuh", "value - of.mean, product", "value, product", SUMS),
    ("common/column_sums.cuh", "target.out[which * target.stride", "target.out[target.stride", SUMS),
    ("common/column_sums.cuh", "  barrier();\n", "", SUMS),
    ("common/mma_product.cuh", "load_pair(shared, warp_row + row, column, z)",
     "load_pair(shared, row, column, z)", SUMS),
    ("conv2d/conv2d_implicit_gemm.cuh", "if (Held::row(i) < rows) g(", "g(", SUMS),
    ("conv2d/conv2d_input_gradient_implicit_gemm.cu", "int64_t{2} * part * g.c + channel(group, ",
     "int64_t{2} * part * g.c + channel(0, ", SUMS),
    ("conv2d/conv2d_input_gradient_implicit_gemm_mma.cu", "part = phase + ", "part = ", SUMS),
    ("conv2d/conv2d_input_gradient_implicit_gemm_mma.cu", "norm.z + offset(place, row)",
     "norm.z + row * g.c + place.group * g.group_c", SUMS),
    ("conv2d/conv2d_sum_parts.h", "across(a < vertical_more ? 1 : 0, b)", "across(0, b)", SUMS),
    ("conv2d/conv2d_sum_parts.h", "wider * of[down][1]", "wider * of[down][0]", SUMS),
    ("common/mma_tile.cuh", "lane / 16 * 8 + lane % 8;", "lane / 16 * 8 + (lane ^ 1) % 8;", DX),
    ("common/mma_tile.cuh", "b[j / 2][j % 2 + 2]", "b[j / 2][j % 2]", CONV),
    ("common/mma_tile.cuh", "bits = round_to_tf32(bits)", "bits = bits", CONV),
    ("common/mma_product.cuh", "wait_copies<kStages - 2>();", "wait_copies<kStages - 1>();", CONV),
    ("common/mma_product.cuh", "__syncthreads();  // this tile", "__syncwarp();  // this tile",
     CONV),
    ("common/mma_product.cuh", "next = step + kStages - 1;", "next = step + kStages;", CONV),
    ("common/mma_product.cuh", "row >= place.rows ||", "row > place.rows ||", CONV),
    ("common/mma_loader.cuh", "depth < place.depth_end", "depth <= place.depth_end", DW),
    ("common/mma_loader.cuh", "from < 0 ? 0 : kChunkBytes", "kChunkBytes", CONV),
    ("conv2d/conv2d_implicit_gemm_mma.cu", "p * g.u - g.top", "p * g.u - g.top + 1", CONV),
    ("conv2d/conv2d_implicit_gemm_mma.cu", "w >= view.g.w", "w > view.g.w", CONV),
    ("conv2d/conv2d_implicit_gemm_mma.cu", "epilogue.channel(place.group * g.group_k + column)",
     "epilogue.channel(column)", CONV),
    ("conv2d/conv2d_implicit_gemm_mma.cu", "epilogue.residual + offset(place, row)",
     "epilogue.residual + row * g.k", CONV),
    ("conv2d/conv2d_staged_rows_mma.cu", "(pixels - 1) * g.v + g.s + 1", "(pixels - 1) * g.v + g.s", CONV),
    ("conv2d/conv2d_staged_rows_mma.cu", "within + 1 < window ?", "true ?", "NotANumber*"),
    ("conv2d/conv2d_staged_rows_mma.cu", "of.n = row + index", "of.n = row", CONV),
    ("conv2d/conv2d_staged_rows_mma.cu", "(within - of.q)", "within", CONV),
    ("conv2d/conv2d_staged_rows_mma.cu", "at >= 0 && at < line", "at >= 0", CONV),
    ("conv2d/conv2d_staged_rows_mma.cu", "? r * at.row_pitch + within", "? r * at.row_pitch", CONV),
    ("conv2d/conv2d_phases.cuh", "(index + axis.pad) % axis.stride",
     "index % axis.stride", DX),
    ("conv2d/conv2d_phases.cuh", "axis.taps - first_tap - 1",
     "axis.taps - 1", DX),
    ("conv2d/conv2d_input_gradient_implicit_gemm_mma.cu", "a * vertical.tap_step", "a", DX),
    ("conv2d/conv2d_phases.cuh", "tap_offset(static_cast<int>(dilation / divisor))",
     "tap_offset(static_cast<int>(dilation))", DX),
    ("conv2d/conv2d_phases.cuh", "* axis.inverse", "", DX),
    ("conv2d/conv2d_filter_gradient_implicit_gemm_mma.cu", "q * g.v, depth", "q * g.u, depth", DW),
    ("conv2d/conv2d_filter_gradient_implicit_gemm_mma.cu", "int64_t{place.part} * g.k +", "", DW),
    ("linear/linear_mma.cu", "depth * view.columns + column", "depth * view.rows + column",
     "linear*"),
    ("linear/linear_mma.cu", "column < columns) sum", "column + 1 < columns) sum", "linear*"),
]


class Build:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder).resolve()
        with open(self.folder / "compile_commands.json", encoding="utf-8") as file:
            self.entries = {e["file"]: e for e in json.load(file)}
        commands = subprocess.run(["ninja", "-t", "commands", "kernel_simt_tests"],
                                  cwd=self.folder, check=True, capture_output=True, text=True)
        self.link = commands.stdout.strip().splitlines()[-1]

    def wrappers(self, changed):
        """The simt/*.cu.cpp files that include the changed file, directly or through headers."""
        seen = {changed}
        sources = {p.relative_to(ROOT).as_posix(): p.read_text(encoding="utf-8")
                   for p in ROOT.glob("kernels/**/*") if p.suffix in (".cu", ".cuh")}
        grown = True
        while grown:
            users = {name for name, text in sources.items()
                     if any(f"<voluta/{header}>" in text for header in seen)}
            grown = not users <= seen
            seen |= users
        return [self.folder / "simt" / f"{name}.cpp" for name in sorted(seen) if name.endswith(".cu")]

    def compile(self, wrapper, overlay, output):
        words = shlex.split(self.entries[str(wrapper)]["command"])
        words[words.index("-o") + 1] = str(output)
        compiler = next(i for i, word in enumerate(words) if not word.endswith("ccache"))
        words[compiler + 1:compiler + 1] = ["-I", str(overlay)]
        subprocess.run(words, cwd=self.folder, check=True, capture_output=True)

    def link_with(self, objects, program):
        command = self.link.replace("-o tests/kernel_simt_tests",
                                    f"{' '.join(map(str, objects))} -o {program}", 1)
        subprocess.run(command, cwd=self.folder, check=True, shell=True, capture_output=True)


def judge(build, mutation):
    """'caught', 'survived', or why the mutation could not be tried."""
    name, text, becomes, tests = mutation
    source = (ROOT / "kernels" / name).read_text(encoding="utf-8")
    if text not in source:
        return "the text is gone: update tests/judge/mutations.py"
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        mutated = folder / "overlay" / "voluta" / "kernels" / name
        mutated.parent.mkdir(parents=True)
        mutated.write_text(source.replace(text, becomes, 1), encoding="utf-8")
        objects = []
        for i, wrapper in enumerate(build.wrappers(f"kernels/{name}")):
            objects.append(folder / f"{i}.o")
            build.compile(wrapper, folder / "overlay", objects[-1])
        build.link_with(objects, folder / "tests")
        environment = dict(os.environ, VOLUTA_SIMT_THREADS="1", VOLUTA_TESTS=str(ROOT / "tests"),
                           GTEST_FAIL_FAST="1")
        try:
            run = subprocess.run([folder / "tests", f"--gtest_filter={tests}", "--gtest_brief=1"],
                                 env=environment, capture_output=True, timeout=1800, check=False)
        except subprocess.TimeoutExpired:
            return "caught"
        return "survived" if run.returncode == 0 else "caught"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", required=True)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--only", default="", help="mutations of files whose name holds this")
    options = parser.parse_args()
    build = Build(options.build)
    chosen = [m for m in MUTATIONS if options.only in m[0]]
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        verdicts = list(pool.map(lambda m: judge(build, m), chosen))
    for mutation, verdict in zip(chosen, verdicts):
        print(f"{verdict:10} {mutation[0]}: {mutation[1]!r} -> {mutation[2]!r}")
    caught = verdicts.count("caught")
    print(f"{caught} of {len(chosen)} mutations caught")
    sys.exit(0 if caught == len(chosen) else 1)


if __name__ == "__main__":
    main()
