"""Convolutions, pooling, padding, cropping, upsampling."""

from fkeras import layers

from .row import Row, Steps

IMAGE, VOLUME = (2, 6, 5, 4), (2, 4, 5, 4, 2)
SIZES = (0, 1, 2)
FEWER = {"unknown": SIZES}  # batch and sizes may be unknown

LORA = {"bfloat16": "an adapter is float32 under every policy"}

ROWS = {
    "conv1d": Row(
        lambda: layers.Conv1D(3, 2, padding="causal", dilation_rate=2, activation="tanh"), (2, 6, 2), unknown=(0, 1)
    ),
    "conv2d": Row(
        lambda: layers.Conv2D(6, 3, strides=2, padding="same", groups=2, kernel_regularizer="l2"), IMAGE, **FEWER
    ),
    "conv2d_plain": Row(lambda: layers.Conv2D(3, (3, 2), activity_regularizer="l2"), (2, 6, 5, 8), **FEWER),
    "conv2d_lora": Row(lambda: layers.Conv2D(3, 2, lora_rank=2, data_format="channels_first"), (2, 3, 5, 4), but=LORA),
    "conv3d": Row(lambda: layers.Conv3D(2, 2, padding="same", use_bias=False), (2, 3, 4, 3, 6), unknown=(0, 1, 2, 3)),
    "conv1d_transpose": Row(lambda: layers.Conv1DTranspose(3, 3, strides=2), (2, 4, 2), unknown=(0, 1)),
    "conv2d_transpose": Row(
        lambda: layers.Conv2DTranspose(3, 3, strides=2, padding="same", output_padding=1), (2, 3, 4, 2), **FEWER
    ),
    "conv3d_transpose": Row(lambda: layers.Conv3DTranspose(2, 2, strides=2), (1, 2, 3, 2, 2), unknown=(0,)),
    "depthwise_conv1d": Row(lambda: layers.DepthwiseConv1D(2, depth_multiplier=2), (2, 5, 3), unknown=(0, 1)),
    "depthwise_conv2d": Row(lambda: layers.DepthwiseConv2D(3, padding="same", strides=2), IMAGE, **FEWER),
    "separable_conv1d": Row(lambda: layers.SeparableConv1D(3, 2, activation="tanh"), (2, 5, 3), unknown=(0, 1)),
    "separable_conv2d": Row(lambda: layers.SeparableConv2D(3, 3, depth_multiplier=2, padding="same"), IMAGE, **FEWER),
    "max_pooling1d": Row(lambda: layers.MaxPooling1D(2), (2, 5, 3), unknown=(0, 1), smooth=False),
    "max_pooling2d": Row(lambda: layers.MaxPooling2D(3, 2, padding="same"), IMAGE, smooth=False, **FEWER),
    "max_pooling3d": Row(lambda: layers.MaxPooling3D(2, data_format="channels_first"), VOLUME, smooth=False),
    "average_pooling1d": Row(lambda: layers.AveragePooling1D(2, 1), (2, 5, 3), unknown=(0, 1)),
    "average_pooling2d": Row(lambda: layers.AveragePooling2D(3, 2, padding="same"), IMAGE, **FEWER),
    "average_pooling3d": Row(lambda: layers.AveragePooling3D(2), VOLUME),
    "global_max_pooling1d": Row(lambda: layers.GlobalMaxPooling1D(), (2, 5, 3), unknown=(0, 1), smooth=False),
    "global_max_pooling2d": Row(lambda: layers.GlobalMaxPooling2D(keepdims=True), IMAGE, smooth=False, **FEWER),
    "global_max_pooling3d": Row(lambda: layers.GlobalMaxPooling3D(), VOLUME, smooth=False),
    "global_average_pooling1d": Row(lambda: layers.GlobalAveragePooling1D(), Steps((2, 5, 3)), unknown=(0, 1)),
    "global_average_pooling2d": Row(lambda: layers.GlobalAveragePooling2D(), IMAGE, **FEWER),
    "global_average_pooling3d": Row(lambda: layers.GlobalAveragePooling3D(data_format="channels_first"), VOLUME),
    "adaptive_average_pooling1d": Row(lambda: layers.AdaptiveAveragePooling1D(3), (2, 7, 3)),
    "adaptive_average_pooling2d": Row(lambda: layers.AdaptiveAveragePooling2D((3, 2)), IMAGE),
    "adaptive_average_pooling3d": Row(lambda: layers.AdaptiveAveragePooling3D(2), VOLUME),
    "adaptive_max_pooling1d": Row(lambda: layers.AdaptiveMaxPooling1D(3), (2, 7, 3), smooth=False),
    "adaptive_max_pooling2d": Row(lambda: layers.AdaptiveMaxPooling2D((3, 2)), IMAGE, smooth=False),
    "adaptive_max_pooling3d": Row(lambda: layers.AdaptiveMaxPooling3D(2), VOLUME, smooth=False),
    "zero_padding1d": Row(lambda: layers.ZeroPadding1D((1, 2)), (2, 3, 2), unknown=(0, 1)),
    "zero_padding2d": Row(lambda: layers.ZeroPadding2D(((0, 1), (2, 0))), IMAGE, **FEWER),
    "zero_padding3d": Row(lambda: layers.ZeroPadding3D(1, data_format="channels_first"), VOLUME),
    "cropping1d": Row(lambda: layers.Cropping1D((1, 0)), (2, 5, 3), unknown=(0, 1)),
    "cropping2d": Row(lambda: layers.Cropping2D(((0, 1), (2, 0))), IMAGE, **FEWER),
    "cropping3d": Row(lambda: layers.Cropping3D(1), VOLUME),
    "up_sampling1d": Row(lambda: layers.UpSampling1D(3), (2, 3, 2), unknown=(0, 1)),
    "up_sampling2d": Row(lambda: layers.UpSampling2D((2, 3)), IMAGE, **FEWER),
    "up_sampling2d_bicubic": Row(lambda: layers.UpSampling2D(2, interpolation="bicubic"), (2, 4, 5, 2)),
    "up_sampling3d": Row(lambda: layers.UpSampling3D((1, 2, 3)), VOLUME),
}
