"""Convolution layers of well-known networks, each distinct shape once, with batch 1.

Sources: LeNet-5 (LeCun et al. 1998), AlexNet (Krizhevsky et al. 2012, with its two groups and the
227-pixel input that its sizes need), VGG-16 (Simonyan and Zisserman 2014, configuration D), GoogLeNet
(Szegedy et al. 2014, table 1, a selection), ResNet-50 (He et al. 2015; "v15" marks the later form with the
stride in the 3x3), depthwise layers of MobileNet v1 (Howard et al. 2017, table 1).
"""

from __future__ import annotations

from workload import Layer


def _conv(
    suite: str,
    name: str,
    channels: int,
    size: int,
    filters: int,
    window: int,
    stride: int = 1,
    groups: int = 1,
    padding: int | None = None,
) -> Layer:
    """Return a square layer with batch 1; padding defaults to half the window."""
    return Layer(
        name=name,
        suite=suite,
        operation="conv",
        input_shape=(1, channels, size, size),
        window=(window, window),
        filters=filters,
        stride=stride,
        padding=window // 2 if padding is None else padding,
        groups=groups,
    )


def _network(suite: str, rows: tuple[tuple, ...]) -> tuple[Layer, ...]:
    return tuple(_conv(suite, *row) for row in rows)


# Rows: name, input channels, input size, filters, window, stride, groups, padding.
LENET5 = _network(
    "lenet5",
    (
        ("c1_5x5", 1, 32, 6, 5, 1, 1, 0),
        ("c3_5x5", 6, 14, 16, 5, 1, 1, 0),  # fully connected between channels, as everyone builds it today
        ("c5_5x5", 16, 5, 120, 5, 1, 1, 0),
    ),
)

ALEXNET = _network(
    "alexnet",
    (
        ("conv1_11x11_s4", 3, 227, 96, 11, 4, 1, 0),
        ("conv2_5x5_g2", 96, 27, 256, 5, 1, 2),
        ("conv3_3x3", 256, 13, 384, 3),
        ("conv4_3x3_g2", 384, 13, 384, 3, 1, 2),
        ("conv5_3x3_g2", 384, 13, 256, 3, 1, 2),
    ),
)

VGG16 = _network(
    "vgg16",
    (
        ("conv1_1", 3, 224, 64, 3),
        ("conv1_2", 64, 224, 64, 3),
        ("conv2_1", 64, 112, 128, 3),
        ("conv2_2", 128, 112, 128, 3),
        ("conv3_1", 128, 56, 256, 3),
        ("conv3_2", 256, 56, 256, 3),
        ("conv4_1", 256, 28, 512, 3),
        ("conv4_2", 512, 28, 512, 3),
        ("conv5", 512, 14, 512, 3),
    ),
)

GOOGLENET = _network(
    "googlenet",
    (
        ("conv1_7x7_s2", 3, 224, 64, 7, 2),
        ("conv2_reduce_1x1", 64, 56, 64, 1),
        ("conv2_3x3", 64, 56, 192, 3),
        ("3a_1x1", 192, 28, 64, 1),
        ("3a_3x3", 96, 28, 128, 3),
        ("3a_5x5_reduce", 192, 28, 16, 1),
        ("3a_5x5", 16, 28, 32, 5),
        ("3b_3x3", 128, 28, 192, 3),
        ("3b_5x5", 32, 28, 96, 5),
        ("4a_1x1", 480, 14, 192, 1),
        ("4a_3x3", 96, 14, 208, 3),
        ("4a_5x5", 16, 14, 48, 5),
        ("4d_3x3", 144, 14, 288, 3),
        ("4e_1x1", 528, 14, 256, 1),
        ("4e_3x3", 160, 14, 320, 3),
        ("4e_5x5", 32, 14, 128, 5),
        ("5b_1x1", 832, 7, 384, 1),
        ("5b_3x3", 192, 7, 384, 3),
        ("5b_5x5", 48, 7, 128, 5),
    ),
)

RESNET50 = _network(
    "resnet50",
    (
        ("conv1_7x7_s2", 3, 224, 64, 7, 2),
        ("conv2_in_1x1", 64, 56, 64, 1),
        ("conv2_3x3", 64, 56, 64, 3),
        ("conv2_out_1x1", 64, 56, 256, 1),
        ("conv2_reduce_1x1", 256, 56, 64, 1),
        ("conv3_in_1x1_s2", 256, 56, 128, 1, 2),
        ("conv3_in_1x1_v15", 256, 56, 128, 1),
        ("conv3_3x3_s2_v15", 128, 56, 128, 3, 2),
        ("conv3_shortcut_1x1_s2", 256, 56, 512, 1, 2),
        ("conv3_3x3", 128, 28, 128, 3),
        ("conv3_out_1x1", 128, 28, 512, 1),
        ("conv3_reduce_1x1", 512, 28, 128, 1),
        ("conv4_in_1x1_s2", 512, 28, 256, 1, 2),
        ("conv4_in_1x1_v15", 512, 28, 256, 1),
        ("conv4_3x3_s2_v15", 256, 28, 256, 3, 2),
        ("conv4_shortcut_1x1_s2", 512, 28, 1024, 1, 2),
        ("conv4_3x3", 256, 14, 256, 3),
        ("conv4_out_1x1", 256, 14, 1024, 1),
        ("conv4_reduce_1x1", 1024, 14, 256, 1),
        ("conv5_in_1x1_s2", 1024, 14, 512, 1, 2),
        ("conv5_in_1x1_v15", 1024, 14, 512, 1),
        ("conv5_3x3_s2_v15", 512, 14, 512, 3, 2),
        ("conv5_shortcut_1x1_s2", 1024, 14, 2048, 1, 2),
        ("conv5_3x3", 512, 7, 512, 3),
        ("conv5_out_1x1", 512, 7, 2048, 1),
        ("conv5_reduce_1x1", 2048, 7, 512, 1),
    ),
)

DEPTHWISE = _network(
    "depthwise",
    (
        ("32x112_s1", 32, 112, 32, 3, 1, 32),
        ("64x112_s2", 64, 112, 64, 3, 2, 64),
        ("128x56_s1", 128, 56, 128, 3, 1, 128),
        ("128x56_s2", 128, 56, 128, 3, 2, 128),
        ("256x28_s1", 256, 28, 256, 3, 1, 256),
        ("256x28_s2", 256, 28, 256, 3, 2, 256),
        ("512x14_s1", 512, 14, 512, 3, 1, 512),
        ("512x14_s2", 512, 14, 512, 3, 2, 512),
        ("1024x7_s1", 1024, 7, 1024, 3, 1, 1024),
    ),
)
