"""2018: a variational autoencoder of Keras 2, with a layer that adds its loss and samples in a Lambda."""

import numpy as np
from keras import backend as K
from keras import metrics
from keras.layers import Dense, Input, Lambda, Layer
from keras.models import Model

batch_size, original_dim, latent_dim, intermediate_dim, epochs, epsilon_std = 20, 16, 2, 12, 15, 1.0
rng = np.random.RandomState(5)
x_train = (np.outer(rng.rand(100), np.linspace(0, 1, original_dim)) + 0.1).astype("float32")

x = Input(shape=(original_dim,))
h = Dense(intermediate_dim, activation="relu")(x)
z_mean = Dense(latent_dim)(h)
z_log_var = Dense(latent_dim)(h)


def sampling(args):
    z_mean, z_log_var = args
    epsilon = K.random_normal(shape=(K.shape(z_mean)[0], latent_dim), mean=0.0, stddev=epsilon_std)
    return z_mean + K.exp(z_log_var / 2) * epsilon


z = Lambda(sampling, output_shape=(latent_dim,))([z_mean, z_log_var])
decoder_h = Dense(intermediate_dim, activation="relu")
decoder_mean = Dense(original_dim, activation="sigmoid")
x_decoded_mean = decoder_mean(decoder_h(z))


class CustomVariationalLayer(Layer):
    def __init__(self, **kwargs):
        self.is_placeholder = True
        super(CustomVariationalLayer, self).__init__(**kwargs)

    def vae_loss(self, x, x_decoded_mean, z_mean, z_log_var):
        xent_loss = original_dim * metrics.binary_crossentropy(x, x_decoded_mean)
        kl_loss = -0.5 * K.sum(1 + z_log_var - K.square(z_mean) - K.exp(z_log_var), axis=-1)
        return K.mean(xent_loss + kl_loss)

    def call(self, inputs):
        loss = self.vae_loss(*inputs)
        self.add_loss(loss, inputs=inputs)
        return inputs[0]


y = CustomVariationalLayer()([x, x_decoded_mean, z_mean, z_log_var])
vae = Model(x, y)
vae.compile(optimizer="rmsprop", loss=None)
history = vae.fit(x_train, shuffle=True, epochs=epochs, batch_size=batch_size, verbose=0)
losses = history.history["loss"]
print("loss", losses[0], "->", losses[-1])
assert losses[-1] < losses[0]

encoder = Model(x, z_mean)
assert encoder.predict(x_train, batch_size=batch_size).shape == (100, latent_dim)
decoder_input = Input(shape=(latent_dim,))
generator = Model(decoder_input, decoder_mean(decoder_h(decoder_input)))
assert generator.predict(np.zeros((1, latent_dim))).shape == (1, original_dim)
