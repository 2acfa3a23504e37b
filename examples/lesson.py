# The lesson: first derivatives, then training a model of one weight and one bias. It is written for PyTorch;
# python -m hinoko examples/lesson.py runs it as it is. The notebook beside it has the same cells.

# %% cell 1: torch
import torch

# %% cell 2: the derivative of a line
x = torch.tensor([1.], requires_grad=True)

y = x*2
print(torch.autograd.grad(y, x))

x = torch.tensor([3.], requires_grad=True)

y = x*2
print(torch.autograd.grad(y, x))

# %% cell 3: powers
x = torch.tensor([3.], requires_grad=True)

y = x**2
print(torch.autograd.grad(y, x))

y = x**3
print(torch.autograd.grad(y, x))

# %% cell 4: a sum
x = torch.tensor([3.], requires_grad=True)

y = x**2 + x*2 + 2
print(torch.autograd.grad(y, x))

# %% cell 5: derivatives of higher order
x = torch.tensor([2.], requires_grad=True)

y = x**3 + x**2 + x + 1

dy = torch.autograd.grad(y, x, create_graph=True)
print(dy)

ddy = torch.autograd.grad(dy[0], x, create_graph=True)
print(ddy)

ddd = torch.autograd.grad(ddy[0], x)
print(ddd)

# %% cell 6: exp and sin
print("exp")
x = torch.tensor([1.], requires_grad=True)

y = torch.exp(x)
dy = torch.autograd.grad(y, x, create_graph=True)
ddy = torch.autograd.grad(dy[0], x, create_graph=True)
ddd = torch.autograd.grad(ddy[0], x)
print(y); print(dy); print(ddy); print(ddd)

print("\nsin")
x = torch.tensor([3.141], requires_grad=True)
y = torch.sin(x)
dy = torch.autograd.grad(y, x, create_graph=True)
ddy = torch.autograd.grad(dy[0], x, create_graph=True)
ddd = torch.autograd.grad(ddy[0], x)
print(y); print(dy); print(ddy); print(ddd)

# %% cell 7: two layers
x = torch.tensor([3.], requires_grad=True)

w1 = torch.tensor([2.], requires_grad=True)
b1 = torch.tensor([-10.], requires_grad=True)

w2 = torch.tensor([4.], requires_grad=True)
b2 = torch.tensor([7.], requires_grad=True)

h1 = w1*x+b1
y = w2*h1+b2

print(y)

# %% cell 8: derivatives with respect to every weight
print(torch.autograd.grad(y, w1, retain_graph=True))
print(torch.autograd.grad(y, b1, retain_graph=True))
print(torch.autograd.grad(y, w2, retain_graph=True))
print(torch.autograd.grad(y, b2, retain_graph=True))

# %% cell 9: backward
y.backward(retain_graph=True)

print(w1.grad); print(b1.grad); print(w2.grad); print(b2.grad)

# %% cell 10: a prediction and its loss
import numpy as np

x = torch.tensor([3.])
true = torch.tensor([10.])

w = torch.tensor([5.], requires_grad=True)
b = torch.tensor([1.], requires_grad=True)

print(w); print(b)

pred = w*x+b
loss = torch.pow(pred - true, 2)

print("pred = {}, true = {}, loss = {}".format(pred.item(), true.item(), loss.item()))

loss.backward()
print(w.grad); print(b.grad)

# %% cell 11: one step of gradient descent
lr = 0.01

w = torch.tensor([w.detach() - lr * w.grad], requires_grad=True)
b = torch.tensor([b.detach() - lr * b.grad], requires_grad=True)

print(w); print(b)

pred = w*x+b
loss = torch.pow(pred - true, 2)

print("pred = {}, true = {}, loss = {}".format(pred.item(), true.item(), loss.item()))

# %% cell 12: one more step
loss.backward()

w = torch.tensor([w.detach() - lr * w.grad], requires_grad=True)
b = torch.tensor([b.detach() - lr * b.grad], requires_grad=True)

pred = w*x+b
loss = torch.pow(pred - true, 2)

print("pred = {}, true = {}, loss = {}".format(pred.item(), true.item(), loss.item()))

# %% cell 13: the same with an optimizer
import numpy as np
from torch import optim

x = torch.tensor([3.])
true = torch.tensor([10.])

w = torch.tensor([5.], requires_grad=True)
b = torch.tensor([1.], requires_grad=True)

print(w); print(b)
optimizer = optim.SGD((w, b), lr=0.01, momentum=0)

pred = w*x+b
loss = torch.pow(pred - true, 2)

print("pred = {}, true = {}, loss = {}".format(pred.item(), true.item(), loss.item()))

optimizer.zero_grad()
loss.backward()
optimizer.step()

print("-"*60)
print(w); print(b)

pred = w*x+b
loss = torch.pow(pred - true, 2)
print("pred = {}, true = {}, loss = {}".format(pred.item(), true.item(), loss.item()))

# %% cell 14: clean up
del w, b

# %% cell 15: a model and its training step
class Model(object):
    def __init__(self):
        self.w = torch.tensor([5.], requires_grad=True)
        self.b = torch.tensor([1.], requires_grad=True)
        self.params = (self.w, self.b)

    def forward(self, x):
        pred = self.w*x+self.b
        return pred

def train():
    x, true = data
    pred = model.forward(x)
    loss = torch.pow(pred - true, 2)

    print("pred = {}, true = {}, loss = {}".format(pred.item(), true.item(), loss.item()))

    optimizer.zero_grad()

    loss.backward()
    optimizer.step()

    loss_hist.append(loss.item())

# %% cell 16: training
x = torch.tensor([3.])
true = torch.tensor([10.])

data = (x, true)

model = Model()
optimizer = optim.SGD(model.params, lr=0.01, momentum=0)

loss_hist = []

for epoch in range(20):
    train()

# %% cell 17: the loss over the epochs
import matplotlib.pyplot as plt

plt.plot(loss_hist); plt.show()
