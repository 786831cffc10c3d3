"""A variational autoencoder whose loss reads symbols of the graph, with an annealed weight, as of 2016."""

import numpy as np
from keras import backend as K
from keras import objectives
from keras.callbacks import LambdaCallback
from keras.layers import Dense, Input, Lambda
from keras.models import Model

np.random.seed(0)
batch_size, original_dim, latent_dim, intermediate_dim, epsilon_std = 16, 6, 2, 8, 1.0
x = Input(batch_shape=(batch_size, original_dim))
h = Dense(intermediate_dim, activation="relu")(x)
z_mean = Dense(latent_dim)(h)
z_log_var = Dense(latent_dim)(h)


def sampling(args):
    z_mean, z_log_var = args
    epsilon = K.random_normal(shape=(batch_size, latent_dim), mean=0.0, std=epsilon_std)
    return z_mean + K.exp(z_log_var / 2) * epsilon


z = Lambda(sampling, output_shape=(latent_dim,))([z_mean, z_log_var])
decoder_h = Dense(intermediate_dim, activation="relu")
decoder_mean = Dense(original_dim, activation="sigmoid")
x_decoded_mean = decoder_mean(decoder_h(z))
weight = K.variable(0.0)


def vae_loss(x, x_decoded_mean):
    xent_loss = original_dim * objectives.binary_crossentropy(x, x_decoded_mean)
    kl_loss = -0.5 * K.sum(1 + z_log_var - K.square(z_mean) - K.exp(z_log_var), axis=-1)
    return xent_loss + weight * kl_loss


vae = Model(x, x_decoded_mean)
vae.compile(optimizer="rmsprop", loss=vae_loss)
data = np.random.randint(0, 2, (64, original_dim)).astype("float32")
anneal = LambdaCallback(on_epoch_end=lambda epoch, logs: K.set_value(weight, 100.0))
history = vae.fit(data, data, shuffle=True, nb_epoch=2, batch_size=batch_size, verbose=0, callbacks=[anneal])
assert history.history["loss"][1] > history.history["loss"][0] + 1, history.history  # the second epoch weighs the codes

encoder = Model(x, z_mean)
decoder_input = Input(shape=(latent_dim,))
generator = Model(decoder_input, decoder_mean(decoder_h(decoder_input)))
assert encoder.predict(data, batch_size=batch_size).shape == (64, latent_dim)
assert generator.predict(np.zeros((1, latent_dim))).shape == (1, original_dim)
