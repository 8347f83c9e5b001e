"""Convolution layers beyond the classic image networks, each distinct shape once.

Sources
  audio        wav2vec 2.0 (Baevski et al. 2020: feature encoder on 5 s at 16 kHz, positional convolution),
               Whisper base (Radford et al. 2022, 30 s), Conv-TasNet (Luo and Mesgarani 2018, 4 s at 8 kHz),
               a layer with WaveNet's longest dilation (van den Oord et al. 2016; 32 channels are customary)
  video        C3D (Tran et al. 2014), R(2+1)D-18 (Tran et al. 2017), part of the volume of 3D U-Net (Cicek et al. 2016)
  dilated      DeepLab v3 (Chen et al. 2017, 513 pixels, output stride 8 and 16), the context network
               (Yu and Koltun 2015), the back-end of CSRNet (Li et al. 2018)
  grouped      ResNeXt-50 32x4d and -101 32x8d (Xie et al. 2016), ShuffleNet v1 (Zhang et al. 2017), RegNetX-3.2GF
               (Radosavovic et al. 2020), depthwise with multiplier 2 (an argument of Keras' depthwise layers),
               5x5 depthwise of EfficientNet-B0 (Tan and Le 2019)
  rectangular  the factorised windows of Inception v3 (Szegedy et al. 2015)
  dense        fully connected layers of VGG-16, AlexNet and ResNet-50, written as convolutions
  batches      layers of `networks.py` on as many images as a server or a training step has
"""

from __future__ import annotations

from dataclasses import replace

from networks import ALEXNET, LENET5, RESNET50
from workload import Layer, PerAxis


def _conv(
    suite: str,
    name: str,
    channels: int,
    size: tuple[int, ...],
    filters: int,
    window: tuple[int, ...],
    stride: PerAxis = 1,
    groups: int = 1,
    dilation: int = 1,
    padding: PerAxis | None = None,
) -> Layer:
    """Return a layer with batch 1; padding defaults to what keeps the size at stride 1."""
    same = tuple(dilation * (n // 2) for n in window)
    return Layer(
        name=name,
        suite=suite,
        operation="conv",
        input_shape=(1, channels, *size),
        window=window,
        filters=filters,
        stride=stride,
        padding=same if padding is None else padding,
        dilation=dilation,
        groups=groups,
    )


def _kind(suite: str, rows: tuple[tuple, ...]) -> tuple[Layer, ...]:
    return tuple(_conv(suite, *row) for row in rows)


# Rows: name, input channels, input size, filters, window, stride, groups, dilation, padding.
AUDIO = _kind(
    "audio",
    (
        ("wav2vec_1_10_s5", 1, (80000,), 512, (10,), 5, 1, 1, 0),  # 5 s at 16 kHz
        ("wav2vec_2_3_s2", 512, (15999,), 512, (3,), 2, 1, 1, 0),
        ("wav2vec_6_2_s2", 512, (999,), 512, (2,), 2, 1, 1, 0),
        ("wav2vec_position_128_g16", 768, (249,), 768, (128,), 1, 16, 1, 64),
        ("whisper_1_3", 80, (3000,), 512, (3,)),
        ("whisper_2_3_s2", 512, (3000,), 512, (3,), 2),
        ("tasnet_encoder_16_s8", 1, (32000,), 512, (16,), 8, 1, 1, 0),
        ("tasnet_1", 128, (3999,), 512, (1,)),
        ("tasnet_depthwise_3_d16", 512, (3999,), 512, (3,), 1, 512, 16),
        ("wavenet_2_d512", 32, (16000,), 64, (2,), 1, 1, 512, 0),
    ),
)

VIDEO = _kind(
    "video",
    (
        ("c3d_1_3x3x3", 3, (16, 112, 112), 64, (3, 3, 3)),
        ("c3d_2_3x3x3", 64, (16, 56, 56), 128, (3, 3, 3)),
        ("c3d_3b_3x3x3", 256, (8, 28, 28), 256, (3, 3, 3)),
        ("c3d_4b_3x3x3", 512, (4, 14, 14), 512, (3, 3, 3)),
        ("c3d_5_3x3x3", 512, (2, 7, 7), 512, (3, 3, 3)),
        ("r2plus1d_stem_1x7x7_s2", 3, (16, 112, 112), 45, (1, 7, 7), (1, 2, 2)),
        ("r2plus1d_2_1x3x3", 64, (16, 56, 56), 144, (1, 3, 3)),
        ("r2plus1d_2_3x1x1", 144, (16, 56, 56), 64, (3, 1, 1)),
        ("unet3d_1_3x3x3", 32, (29, 66, 66), 64, (3, 3, 3), 1, 1, 1, 0),
    ),
)

DILATED = _kind(
    "dilated",
    (
        ("deeplab_block3_3x3_d2", 256, (65, 65), 256, (3, 3), 1, 1, 2),
        ("deeplab_block4_3x3_d2", 512, (33, 33), 512, (3, 3), 1, 1, 2),
        ("deeplab_block4_3x3_d4", 512, (65, 65), 512, (3, 3), 1, 1, 4),
        ("deeplab_aspp_3x3_d6", 2048, (33, 33), 256, (3, 3), 1, 1, 6),
        ("deeplab_aspp_3x3_d18", 2048, (33, 33), 256, (3, 3), 1, 1, 18),
        ("context_3x3_d8", 21, (64, 64), 21, (3, 3), 1, 1, 8),
        ("csrnet_3x3_d2", 512, (48, 64), 512, (3, 3), 1, 1, 2),
        ("csrnet_last_3x3_d2", 128, (48, 64), 64, (3, 3), 1, 1, 2),
    ),
)

GROUPED = _kind(
    "grouped",
    (
        ("resnext50_2_3x3_g32", 128, (56, 56), 128, (3, 3), 1, 32),
        ("resnext50_3_3x3_s2_g32", 256, (56, 56), 256, (3, 3), 2, 32),
        ("resnext50_4_3x3_g32", 512, (14, 14), 512, (3, 3), 1, 32),
        ("resnext50_5_3x3_g32", 1024, (7, 7), 1024, (3, 3), 1, 32),
        ("resnext101_2_3x3_g32", 256, (56, 56), 256, (3, 3), 1, 32),
        ("shufflenet_3_1x1_g3", 240, (28, 28), 60, (1, 1), 1, 3),
        ("regnetx_3_3x3_g9", 432, (14, 14), 432, (3, 3), 1, 9),
        ("multiplier2_3x3", 64, (56, 56), 128, (3, 3), 1, 64),
        ("multiplier2_3x3_s2", 128, (56, 56), 256, (3, 3), 2, 128),
        ("efficientnet_5x5_dw", 240, (28, 28), 240, (5, 5), 1, 240),
        ("efficientnet_5x5_s2_dw", 672, (14, 14), 672, (5, 5), 2, 672),
    ),
)

RECTANGULAR = _kind(
    "rectangular",
    (
        ("inception_1x7", 160, (17, 17), 160, (1, 7)),
        ("inception_7x1", 192, (17, 17), 192, (7, 1)),
        ("inception_1x3", 384, (8, 8), 384, (1, 3)),
        ("inception_3x1", 384, (8, 8), 384, (3, 1)),
    ),
)

DENSE = _kind(
    "dense",
    (
        ("vgg16_fc6_7x7", 512, (7, 7), 4096, (7, 7), 1, 1, 1, 0),
        ("vgg16_fc7_1x1", 4096, (1, 1), 4096, (1, 1)),
        ("alexnet_fc6_6x6", 256, (6, 6), 4096, (6, 6), 1, 1, 1, 0),
        ("resnet50_fc_1x1", 2048, (1, 1), 1000, (1, 1)),
    ),
)

_BATCHES = ((LENET5[1], 256), (ALEXNET[2], 128), (RESNET50[16], 64), (RESNET50[23], 128), (RESNET50[24], 128))
BATCHES = tuple(
    replace(layer.batched(count), suite="batches", name=f"{layer.suite}_{layer.name}") for layer, count in _BATCHES
)
