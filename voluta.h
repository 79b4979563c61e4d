#pragma once

// What programs need that build, train, judge and run networks. The other installed headers are what these are
// made of. Programs that care for compile time include what they use.

// Tensors, devices and memory.
#include <voluta/core/device/device.h>
#include <voluta/core/device/stream.h>
#include <voluta/core/dtype.h>
#include <voluta/core/error.h>
#include <voluta/core/memory/caching_pool.h>
#include <voluta/core/memory/pinned_pool.h>
#include <voluta/core/random.h>
#include <voluta/core/shape.h>
#include <voluta/core/tensor.h>

// Graph, plan, run.
#include <voluta/core/graph/autodiff.h>
#include <voluta/core/graph/executor.h>
#include <voluta/core/graph/graph.h>
#include <voluta/core/graph/op.h>
#include <voluta/core/graph/passes.h>
#include <voluta/core/graph/plan.h>
#include <voluta/core/graph/tuner.h>
#include <voluta/kernels/registry.h>

// Layers and architectures.
#include <voluta/layers/activation.h>
#include <voluta/layers/conv2d.h>
#include <voluta/layers/conv_transpose2d.h>
#include <voluta/layers/dropout.h>
#include <voluta/layers/initializers.h>
#include <voluta/layers/linear.h>
#include <voluta/layers/loss.h>
#include <voluta/layers/merge.h>
#include <voluta/layers/normalization.h>
#include <voluta/layers/pooling.h>
#include <voluta/layers/scope.h>
#include <voluta/models/alexnet.h>
#include <voluta/models/all_cnn_c.h>
#include <voluta/models/cifar_resnet.h>
#include <voluta/models/googlenet.h>
#include <voluta/models/inception_v3.h>
#include <voluta/models/lenet.h>
#include <voluta/models/mobilenet_v1.h>
#include <voluta/models/mobilenet_v2.h>
#include <voluta/models/registry.h>
#include <voluta/models/resnet.h>
#include <voluta/models/vgg.h>
#include <voluta/models/zfnet.h>

// Files.
#include <voluta/io/cifar.h>
#include <voluta/io/idx.h>
#include <voluta/io/image.h>
#include <voluta/io/labelled_images.h>
#include <voluta/io/layout.h>
#include <voluta/io/mnist.h>
#include <voluta/io/safetensors.h>

// Training.
#include <voluta/train/attribution.h>
#include <voluta/train/checkpoint.h>
#include <voluta/train/class_names.h>
#include <voluta/train/dataset.h>
#include <voluta/train/dataset_kinds.h>
#include <voluta/train/digits.h>
#include <voluta/train/evaluator.h>
#include <voluta/train/image_folder.h>
#include <voluta/train/optimizer.h>
#include <voluta/train/predictor.h>
#include <voluta/train/preprocessing.h>
#include <voluta/train/schedule.h>
#include <voluta/train/step.h>
#include <voluta/train/trainer.h>
#include <voluta/train/training_data.h>
#include <voluta/train/weights.h>
