#pragma once

// What the labels of the small data sets mean.

#include <string>
#include <vector>

namespace voluta {

std::vector<std::string> digit_names();          // MNIST
std::vector<std::string> fashion_mnist_names();  // Xiao et al. 2017, table 1
std::vector<std::string> cifar10_names();        // batches.meta.txt
std::vector<std::string> cifar100_names();       // fine_label_names.txt

}  // namespace voluta
