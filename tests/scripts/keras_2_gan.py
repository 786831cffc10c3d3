"""2018: a generative adversarial net, trained batch by batch with a frozen discriminator."""

import numpy as np
from keras.layers import BatchNormalization, Dense, Input
from keras.layers.advanced_activations import LeakyReLU
from keras.models import Model, Sequential
from keras.optimizers import Adam


class GAN:
    def __init__(self):
        self.latent_dim = 4
        optimizer = Adam(0.01, 0.5)
        self.discriminator = self.build_discriminator()
        self.discriminator.compile(loss="binary_crossentropy", optimizer=optimizer, metrics=["accuracy"])
        self.generator = self.build_generator()
        z = Input(shape=(self.latent_dim,))
        img = self.generator(z)
        self.discriminator.trainable = False
        validity = self.discriminator(img)
        self.combined = Model(z, validity)
        self.combined.compile(loss="binary_crossentropy", optimizer=Adam(0.01, 0.5))

    def build_generator(self):
        model = Sequential()
        model.add(Dense(16, input_dim=self.latent_dim))
        model.add(LeakyReLU(alpha=0.2))
        model.add(BatchNormalization(momentum=0.8))
        model.add(Dense(2, activation="linear"))
        noise = Input(shape=(self.latent_dim,))
        return Model(noise, model(noise))

    def build_discriminator(self):
        model = Sequential()
        model.add(Dense(16, input_shape=(2,)))
        model.add(LeakyReLU(alpha=0.2))
        model.add(Dense(1, activation="sigmoid"))
        img = Input(shape=(2,))
        return Model(img, model(img))

    def train(self, epochs, batch_size=32):
        rng = np.random.RandomState(8)
        valid, fake = np.ones((batch_size, 1)), np.zeros((batch_size, 1))
        for epoch in range(epochs):
            imgs = rng.normal(3, 0.5, (batch_size, 2))
            noise = rng.normal(0, 1, (batch_size, self.latent_dim))
            gen_imgs = self.generator.predict(noise)
            self.discriminator.trainable = True
            d_loss_real = self.discriminator.train_on_batch(imgs, valid)
            d_loss_fake = self.discriminator.train_on_batch(gen_imgs, fake)
            d_loss = 0.5 * np.add(d_loss_real, d_loss_fake)
            self.discriminator.trainable = False
            frozen = self.discriminator.get_weights()[0]
            g_loss = self.combined.train_on_batch(rng.normal(0, 1, (batch_size, self.latent_dim)), valid)
            assert np.array_equal(frozen, self.discriminator.get_weights()[0])
        print("%d [D loss: %f, acc.: %.2f%%] [G loss: %f]" % (epoch, d_loss[0], 100 * d_loss[1], g_loss))
        return self.generator.predict(rng.normal(0, 1, (200, self.latent_dim)))


gan = GAN()
made = gan.train(epochs=60)
print("mean", made.mean(0))
assert made.mean() > 1.0
