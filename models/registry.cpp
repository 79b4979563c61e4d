#include <voluta/core/error.h>
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

namespace voluta {
namespace {

// From -1 to 1. Sources: transform_input of torchvision's GoogLeNet and Inception3, which undoes ImageNet's; mean
// and std of timm's mobilenetv1_100.
constexpr PublishedNormalization kSymmetric = {0.5, 0.5};

}  // namespace

// Made at the first call, for whoever asks before main().
std::span<const ModelEntry> all_models() {
  static const ModelEntry kModels[] = {
      {"lenet5", "LeCun, Bottou, Bengio, Haffner 1998", 28, 28, 1, 10, lenet5},
      {"digits_fcn", "LeCun 1998, section VII", 28, 28, 1, 10, digits_fcn},
      {"alexnet", "Krizhevsky 2014, as torchvision", 224, 224, 3, 1000, alexnet},
      {"alexnet_lrn", "Krizhevsky, Sutskever, Hinton 2012", 224, 224, 3, 1000, alexnet_lrn},
      {"zfnet", "Zeiler, Fergus 2013", 224, 224, 3, 1000, zfnet},
      {"all_cnn_c", "Springenberg, Dosovitskiy, Brox, Riedmiller 2014", 32, 32, 3, 10, all_cnn_c},
      {"vgg11", "Simonyan, Zisserman 2014", 224, 224, 3, 1000, vgg11},
      {"vgg13", "Simonyan, Zisserman 2014", 224, 224, 3, 1000, vgg13},
      {"vgg16", "Simonyan, Zisserman 2014", 224, 224, 3, 1000, vgg16},
      {"vgg19", "Simonyan, Zisserman 2014", 224, 224, 3, 1000, vgg19},
      {"vgg11_bn", "Simonyan, Zisserman 2014", 224, 224, 3, 1000, vgg11_bn},
      {"vgg13_bn", "Simonyan, Zisserman 2014", 224, 224, 3, 1000, vgg13_bn},
      {"vgg16_bn", "Simonyan, Zisserman 2014", 224, 224, 3, 1000, vgg16_bn},
      {"vgg19_bn", "Simonyan, Zisserman 2014", 224, 224, 3, 1000, vgg19_bn},
      {"googlenet", "Szegedy et al. 2014", 224, 224, 3, 1000, googlenet, kSymmetric},
      {"inception_v3", "Szegedy, Vanhoucke, Ioffe et al. 2015", 299, 299, 3, 1000, inception_v3,
       kSymmetric},
      {"resnet18", "He, Zhang, Ren, Sun 2015", 224, 224, 3, 1000, resnet18},
      {"resnet34", "He, Zhang, Ren, Sun 2015", 224, 224, 3, 1000, resnet34},
      {"resnet50", "He, Zhang, Ren, Sun 2015", 224, 224, 3, 1000, resnet50},
      {"resnet101", "He, Zhang, Ren, Sun 2015", 224, 224, 3, 1000, resnet101},
      {"resnet152", "He, Zhang, Ren, Sun 2015", 224, 224, 3, 1000, resnet152},
      {"resnext50_32x4d", "Xie, Girshick, Dollar, Tu, He 2016", 224, 224, 3, 1000, resnext50_32x4d},
      {"resnext101_32x8d", "Xie, Girshick, Dollar, Tu, He 2016", 224, 224, 3, 1000,
       resnext101_32x8d},
      {"wide_resnet50_2", "Zagoruyko, Komodakis 2016", 224, 224, 3, 1000, wide_resnet50_2},
      {"wide_resnet101_2", "Zagoruyko, Komodakis 2016", 224, 224, 3, 1000, wide_resnet101_2},
      {"resnet20", "He, Zhang, Ren, Sun 2015, section 4.2", 32, 32, 3, 10, resnet20},
      {"resnet32", "He, Zhang, Ren, Sun 2015, section 4.2", 32, 32, 3, 10, resnet32},
      {"resnet44", "He, Zhang, Ren, Sun 2015, section 4.2", 32, 32, 3, 10, resnet44},
      {"resnet56", "He, Zhang, Ren, Sun 2015, section 4.2", 32, 32, 3, 10, resnet56},
      {"resnet110", "He, Zhang, Ren, Sun 2015, section 4.2", 32, 32, 3, 10, resnet110},
      {"mobilenet_v1", "Howard et al. 2017", 224, 224, 3, 1000, mobilenet_v1, kSymmetric},
      {"mobilenet_v2", "Sandler, Howard, Zhu, Zhmoginov, Chen 2018", 224, 224, 3, 1000,
       mobilenet_v2},
  };
  return kModels;
}

const ModelEntry& find_model(std::string_view name) {
  std::string known;
  for (const ModelEntry& entry : all_models()) {
    if (entry.name == name) return entry;
    known += known.empty() ? "" : ", ";
    known += entry.name;
  }
  invalid("model '" + std::string(name) + "' is unknown; known are " + known);
}

}  // namespace voluta
