"""Every architecture of models/ as a PyTorch module with the same parameter names: torchvision's and
timm's where they have it, else defined here from the papers."""
import timm
import torch
import torch.nn.functional as F
import torchvision
from torch import nn

AUXILIARY_WEIGHT = {"googlenet": 0.3, "inception_v3": 0.4}  # Szegedy 2014, section 5; torchvision


class LeNet5(nn.Module):
    """LeCun 1998, figure 2."""

    def __init__(self, classes):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, 5, padding=2)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.conv3 = nn.Conv2d(16, 120, 5)
        self.fc1 = nn.Linear(120, 84)
        self.fc2 = nn.Linear(84, classes)

    def forward(self, x):
        x = F.avg_pool2d(torch.tanh(self.conv1(x)), 2)
        x = F.avg_pool2d(torch.tanh(self.conv2(x)), 2)
        x = torch.tanh(self.conv3(x)).flatten(1)
        return self.fc2(torch.tanh(self.fc1(x)))


class CifarBlock(nn.Module):
    """He 2015, section 4.2, with shortcut option A: every other pixel, new channels zero."""

    def __init__(self, channels_in, channels, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(channels_in, channels, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.stride, self.added = stride, channels - channels_in

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        if self.added:
            half = self.added // 2
            x = F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, half, half))
        return F.relu(y + x)


class CifarResNet(nn.Module):
    def __init__(self, depth, classes):
        super().__init__()
        blocks = (depth - 2) // 6
        self.conv1 = nn.Conv2d(3, 16, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        channels_in = 16
        for stage, channels in enumerate((16, 32, 64), 1):
            layers = []
            for i in range(blocks):
                stride = 2 if i == 0 and stage > 1 else 1
                layers.append(CifarBlock(channels_in, channels, stride))
                channels_in = channels
            setattr(self, f"layer{stage}", nn.Sequential(*layers))
        self.linear = nn.Linear(64, classes)

    def forward(self, x):
        x = F.relu(self.bn1(self.conv1(x)))
        x = self.layer3(self.layer2(self.layer1(x)))
        return self.linear(x.mean((2, 3)))


class DigitsFcn(nn.Module):
    """Triples of convolution, relu and pooling, then one map a class."""

    def __init__(self, classes):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 16, 5, padding=2)
        self.conv2 = nn.Conv2d(16, 32, 3, padding=1)
        self.conv3 = nn.Conv2d(32, 64, 3, padding=1)
        self.conv4 = nn.Conv2d(64, classes, 3)

    def forward(self, x):
        for conv in (self.conv1, self.conv2, self.conv3):
            x = F.max_pool2d(F.relu(conv(x)), 2)
        return self.conv4(x).mean((2, 3))


class SixBySix(nn.Module):
    """What AlexNet of 2012 and ZFNet share: normalisation across channels and the classifier."""

    def __init__(self, classes):
        super().__init__()
        # alpha = 1e-4 summed over 5 channels (section 3.3); PyTorch takes their mean.
        self.norm = nn.LocalResponseNorm(5, alpha=5e-4, beta=0.75, k=2)
        self.fc6 = nn.Linear(256 * 36, 4096)
        self.fc7 = nn.Linear(4096, 4096)
        self.fc8 = nn.Linear(4096, classes)

    def classify(self, x):
        x = F.adaptive_avg_pool2d(x, 6).flatten(1)
        return self.fc8(F.relu(self.fc7(F.relu(self.fc6(x)))))


class AlexNetLrn(SixBySix):
    """Krizhevsky 2012, section 3: relu, normalisation, overlapping pooling; two groups."""

    def __init__(self, classes):
        super().__init__(classes)
        self.conv1 = nn.Conv2d(3, 96, 11, 4, 2)
        self.conv2 = nn.Conv2d(96, 256, 5, 1, 2, groups=2)
        self.conv3 = nn.Conv2d(256, 384, 3, 1, 1)
        self.conv4 = nn.Conv2d(384, 384, 3, 1, 1, groups=2)
        self.conv5 = nn.Conv2d(384, 256, 3, 1, 1, groups=2)

    def forward(self, x):
        x = F.max_pool2d(self.norm(F.relu(self.conv1(x))), 3, 2)
        x = F.max_pool2d(self.norm(F.relu(self.conv2(x))), 3, 2)
        x = F.relu(self.conv4(F.relu(self.conv3(x))))
        return self.classify(F.max_pool2d(F.relu(self.conv5(x)), 3, 2))


class ZfNet(SixBySix):
    """Zeiler and Fergus 2013, figure 3: relu, pooling, normalisation."""

    def __init__(self, classes):
        super().__init__(classes)
        self.conv1 = nn.Conv2d(3, 96, 7, 2, 1)
        self.conv2 = nn.Conv2d(96, 256, 5, 2)
        self.conv3 = nn.Conv2d(256, 384, 3, 1, 1)
        self.conv4 = nn.Conv2d(384, 384, 3, 1, 1)
        self.conv5 = nn.Conv2d(384, 256, 3, 1, 1)

    def forward(self, x):
        x = self.norm(F.max_pool2d(F.relu(self.conv1(x)), 3, 2, ceil_mode=True))
        x = self.norm(F.max_pool2d(F.relu(self.conv2(x)), 3, 2, ceil_mode=True))
        x = F.relu(self.conv4(F.relu(self.conv3(x))))
        return self.classify(F.max_pool2d(F.relu(self.conv5(x)), 3, 2, ceil_mode=True))


class AllCnnC(nn.Module):
    """Springenberg 2014, table 2: a relu behind every convolution, the last too."""

    def __init__(self, classes):
        super().__init__()
        rows = ((3, 96, 3, 1, 1), (96, 96, 3, 1, 1), (96, 96, 3, 2, 1),
                (96, 192, 3, 1, 1), (192, 192, 3, 1, 1), (192, 192, 3, 2, 1),
                (192, 192, 3, 1, 0), (192, 192, 1, 1, 0), (192, classes, 1, 1, 0))
        for i, row in enumerate(rows, 1):
            setattr(self, f"conv{i}", nn.Conv2d(*row))

    def forward(self, x):
        for i in range(1, 10):
            x = F.relu(getattr(self, f"conv{i}")(x))
        return x.mean((2, 3))


OWN = {"lenet5": LeNet5, "digits_fcn": DigitsFcn, "alexnet_lrn": AlexNetLrn, "zfnet": ZfNet,
       "all_cnn_c": AllCnnC}
OWN |= {f"resnet{d}": (lambda classes, d=d: CifarResNet(d, classes)) for d in (20, 32, 44, 56, 110)}


def build(name, classes):
    """The module in double precision, every dropout at 0 (its random numbers are not ours)."""
    if name in OWN:
        model = OWN[name](classes)
    elif name == "mobilenet_v1":
        model = timm.create_model("mobilenetv1_100", num_classes=classes)
    else:
        options = {}
        if name in AUXILIARY_WEIGHT:
            options = {"aux_logits": True, "init_weights": False, "transform_input": False}
        model = torchvision.models.get_model(name, num_classes=classes, **options)
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    return model.double()


def loss_of(name, output, labels):
    """(logits, loss); the auxiliary heads of a model in training mode count with their weight."""
    if isinstance(output, torch.Tensor):
        return output, F.cross_entropy(output, labels)
    logits, *auxiliary = output
    loss = F.cross_entropy(logits, labels)
    for head in auxiliary:
        loss = loss + AUXILIARY_WEIGHT[name] * F.cross_entropy(head, labels)
    return logits, loss
