"""REINFORCE on a corridor of five places, with updates of one's own, as in the tutorials of 2017."""

import numpy as np
from keras import backend as K
from keras.layers import Dense
from keras.models import Sequential
from keras.optimizers import Adam

np.random.seed(1)


class ReinforceAgent:
    def __init__(self):
        self.state_size, self.action_size, self.discount_factor = 5, 2, 0.9
        self.model = self.build_model()
        self.optimizer = self.build_optimizer()
        self.states, self.actions, self.rewards = [], [], []

    def build_model(self):
        model = Sequential()
        model.add(Dense(8, input_dim=self.state_size, activation="relu"))
        model.add(Dense(self.action_size, activation="softmax"))
        return model

    def build_optimizer(self):
        action = K.placeholder(shape=[None, 2])
        discounted_rewards = K.placeholder(shape=[None])
        action_prob = K.sum(action * self.model.output, axis=1)
        cross_entropy = K.log(action_prob) * discounted_rewards
        loss = -K.sum(cross_entropy)
        optimizer = Adam(lr=0.02)
        updates = optimizer.get_updates(self.model.trainable_weights, [], loss)
        return K.function([self.model.input, action, discounted_rewards], [], updates=updates)

    def train_model(self):
        discounted, running = np.zeros(len(self.rewards)), 0
        for t in reversed(range(len(self.rewards))):
            running = running * self.discount_factor + self.rewards[t]
            discounted[t] = running
        self.optimizer([self.states, self.actions, discounted])
        self.states, self.actions, self.rewards = [], [], []


agent = ReinforceAgent()
everywhere = np.eye(5)
before = agent.model.predict(everywhere)[:, 1].mean()
for episode in range(40):
    place = 2
    policy = agent.model.predict(everywhere)
    for step in range(12):
        act = np.random.choice(2, p=policy[place] / policy[place].sum())
        agent.states.append(everywhere[place])
        agent.actions.append(np.eye(2)[act])
        place = max(0, min(4, place + (1 if act else -1)))
        agent.rewards.append(1.0 if place == 4 else 0.0)
        if place == 4:
            break
    agent.train_model()
assert agent.model.predict(everywhere)[:, 1].mean() > before + 0.05
