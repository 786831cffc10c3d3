"""Gradient ascent on an image, and a map of what a class looks at: `K.gradients` and `K.function`, as of 2017."""

import numpy as np
from keras import backend as K
from keras.layers import Conv2D, Dense, Flatten, MaxPooling2D
from keras.models import Sequential

K.set_learning_phase(0)
model = Sequential()
model.add(Conv2D(4, (3, 3), activation="relu", input_shape=(12, 12, 1), name="conv"))
model.add(MaxPooling2D((2, 2)))
model.add(Flatten())
model.add(Dense(3, activation="softmax"))
layer_dict = dict([(layer.name, layer) for layer in model.layers])

dream = model.input
loss = K.variable(0.0)
activation = layer_dict["conv"].output
scaling = K.prod(K.cast(K.shape(activation), "float32"))
loss += 0.5 * K.sum(K.square(activation[:, 2:-2, 2:-2, :])) / scaling
grads = K.gradients(loss, dream)[0]
grads /= K.maximum(K.mean(K.abs(grads)), 1e-7)
fetch_loss_and_grads = K.function([dream], [loss, grads])

image = np.random.random((1, 12, 12, 1))
losses = []
for i in range(10):
    loss_value, grad_values = fetch_loss_and_grads([image])
    losses.append(float(loss_value))
    image += 0.1 * grad_values
assert losses[-1] > 1.5 * losses[0] > 0, losses

african_elephant_output = model.output[:, 2]
last_conv_layer = model.get_layer("conv")
grads = K.gradients(african_elephant_output, last_conv_layer.output)[0]
pooled_grads = K.mean(grads, axis=(0, 1, 2))
iterate = K.function([model.input], [pooled_grads, last_conv_layer.output[0]])
pooled_grads_value, conv_layer_output_value = iterate([image])
for i in range(4):
    conv_layer_output_value[:, :, i] *= pooled_grads_value[i]
heatmap = np.mean(conv_layer_output_value, axis=-1)
assert heatmap.shape == (10, 10) and np.abs(heatmap).max() > 0
