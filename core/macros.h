#pragma once

// Functions that both host code and CUDA kernels call. Under g++ (the CPU build and simt/) a
// kernel is host code, so the mark is empty there.
#ifdef __CUDACC__
#define VOLUTA_HOST_DEVICE __host__ __device__
#else
#define VOLUTA_HOST_DEVICE
#endif
