"""2018: sequence to sequence with states, and models for inference made of the trained layers."""

import numpy as np
from keras.layers import LSTM, Dense, Input
from keras.models import Model

num_tokens, latent_dim, steps = 6, 24, 4
rng = np.random.RandomState(6)
digits = rng.randint(1, num_tokens, size=(200, steps))
encoder_data = np.eye(num_tokens)[digits]
target = np.eye(num_tokens)[digits[:, ::-1]]
decoder_data = np.concatenate([np.tile(np.eye(num_tokens)[0], (200, 1, 1)), target[:, :-1]], axis=1)

encoder_inputs = Input(shape=(None, num_tokens))
encoder = LSTM(latent_dim, return_state=True)
encoder_outputs, state_h, state_c = encoder(encoder_inputs)
encoder_states = [state_h, state_c]
decoder_inputs = Input(shape=(None, num_tokens))
decoder_lstm = LSTM(latent_dim, return_sequences=True, return_state=True)
decoder_outputs, _, _ = decoder_lstm(decoder_inputs, initial_state=encoder_states)
decoder_dense = Dense(num_tokens, activation="softmax")
decoder_outputs = decoder_dense(decoder_outputs)

model = Model([encoder_inputs, decoder_inputs], decoder_outputs)
model.compile(optimizer="adam", loss="categorical_crossentropy", metrics=["accuracy"])
model.optimizer.lr = 0.02
model.fit([encoder_data, decoder_data], target, batch_size=50, epochs=25, verbose=0, validation_split=0.2)
loss, accuracy = model.evaluate([encoder_data, decoder_data], target, verbose=0)
print("accuracy", accuracy)
assert accuracy > 0.5

encoder_model = Model(encoder_inputs, encoder_states)
state_input_h, state_input_c = Input(shape=(latent_dim,)), Input(shape=(latent_dim,))
outputs, h, c = decoder_lstm(decoder_inputs, initial_state=[state_input_h, state_input_c])
decoder_model = Model([decoder_inputs, state_input_h, state_input_c], [decoder_dense(outputs), h, c])

states_value = encoder_model.predict(encoder_data[:1])
target_seq, decoded = np.eye(num_tokens)[None, None, 0], []
for step in range(steps):
    output_tokens, h, c = decoder_model.predict([target_seq] + list(states_value))
    decoded.append(int(np.argmax(output_tokens[0, -1, :])))
    if step == 0:
        whole = model.predict([encoder_data[:1], decoder_data[:1]])
        np.testing.assert_allclose(output_tokens[0, 0], whole[0, 0], rtol=1e-4, atol=1e-5)
    target_seq = np.eye(num_tokens)[None, None, decoded[-1]]
    states_value = [h, c]
print("reversed", digits[0], decoded)
