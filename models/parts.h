#pragma once

// What several families are made of: layers with the options' values, or else the published ones.

#include <voluta/layers/conv2d.h>
#include <voluta/models/registry.h>

#include <string>

namespace voluta {

// The scope named by both: numbered(scope, "layer", 2) is scope["layer2"].
Scope numbered(const Scope& scope, std::string name, int number);

// Outputs of the last layer: options.classes, or `published` for 0. Throws invalid(), naming the
// layer, for a negative number.
int64_t class_count(const Scope& layer, const ModelOptions& options, int64_t published);

// Batch normalisation; momentum 0.1, as PyTorch's, and `epsilon` unless the options say otherwise.
Value norm(Scope scope, Value x, const ModelOptions& options, double epsilon = 1e-5);

// Dropout with probability `published` unless the options say otherwise.
Value drop(Scope scope, Value x, const ModelOptions& options, double published);

// A convolution at `conv`, always without bias, and batch normalisation at `bn`.
Value conv_norm(Scope conv, Scope bn, Value x, Conv2dLayer layer, const ModelOptions& options,
                double epsilon = 1e-5);

// [N,H,W,C] -> [N,C]: the mean over each map. Nodes at scope's "avgpool" and "flatten".
Value average_maps(Scope scope, Value x);

// The classifier of Krizhevsky 2012 and its followers, on maps averaged to 6 x 6 (which they are at
// the published input): "fc6", "fc7" (4096 units, relu, dropout 0.5) and "fc8", 1000 classes.
// Weights begin as N(0, 0.01^2), biases of fc6 and fc7 as `hidden_bias`, those of fc8 as 0.
Value classify_6x6(Scope scope, Value x, const ModelOptions& options, float hidden_bias);

}  // namespace voluta
