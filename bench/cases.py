"""The timed cases. Each is a piece of source text, compiled for one library at a time (see timing.py).

`tensor` runs in hinoko and in torch, letter for letter; `value` in the scalar engine and in micrograd.
`setup` runs before the clock starts, `prelude` once at module level. `result` is a number that all libraries
must agree on, so that no case measures work that is not done.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Code:
    statement: str
    setup: str = ""
    prelude: str = ""
    result: str = ""


@dataclass(frozen=True)
class Target:
    """How many times the speed of `against` is required, and aimed at."""

    against: str
    least: float
    aim: float


@dataclass(frozen=True)
class Case:
    name: str
    tensor: Code
    numpy: Code | None = None
    value: Code | None = None
    micrograd: bool = True  # whether `value` also runs in micrograd
    per: int = 1  # operations in one statement; times are shown per operation
    targets: tuple[Target, ...] = field(default=())

    def code(self, key: str) -> Code | None:
        if key == "numpy":
            return self.numpy
        if key == "scalar":
            return self.value
        if key == "micrograd":
            return self.value if self.micrograd else None
        return self.tensor


def _torch(least: float, aim: float) -> tuple[Target, ...]:
    return (Target("torch", least, aim),)


_PLAIN = "x = torch.tensor([3.])"
_LEAF = "x = torch.tensor([3.], requires_grad=True)"
_ARRAY = "x = np.array([3.], dtype=np.float32)"
_VALUE = "x = Value(3.)"
_MATRIX = "[[(3 * i + 5 * j) % 7 - 3. for j in range(8)] for i in range(8)]"

CHAIN = 20_000

# Cells 15 and 16 of the lesson without the printing line.
_LESSON = """
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
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    loss_hist.append(loss.item())

x = torch.tensor([3.])
true = torch.tensor([10.])
data = (x, true)
model = Model()
optimizer = optim.SGD(model.params, lr=0.01, momentum=0)
loss_hist = []
"""

_LESSON_VALUES = """
class Model(object):
    def __init__(self):
        self.w = Value(5.)
        self.b = Value(1.)
        self.params = (self.w, self.b)

    def forward(self, x):
        pred = self.w*x+self.b
        return pred

def train():
    x, true = data
    pred = model.forward(x)
    loss = (pred - true)**2
    for param in model.params:
        param.grad = 0.
    loss.backward()
    for param in model.params:
        param.data -= 0.01 * param.grad
    loss_hist.append(loss.data)

data = (3., 10.)
model = Model()
loss_hist = []
"""

# A step of a network with 2 inputs, 8 hidden units and 2 outputs on 4 samples: forward, loss, backward.
_MLP_WEIGHTS = """
_w1 = [[0.1 * ((3 * i + j) % 7 - 3) for j in range(8)] for i in range(2)]
_b1 = [0.05 * (j - 2) for j in range(8)]
_w2 = [[0.1 * ((2 * i + 5 * j) % 9 - 4) for j in range(2)] for i in range(8)]
_b2 = [0.1, -0.1]
_x = [[0.5, -1.0], [1.5, 0.25], [-0.75, 1.0], [2.0, -0.5]]
_t = [[1.0, 0.0], [0.0, 1.0], [0.0, 1.0], [1.0, 0.0]]
"""

_MLP = Code(
    """
h = torch.relu(x @ w1 + b1)
loss = ((h @ w2 + b2 - t) ** 2).mean()
w1.grad = b1.grad = w2.grad = b2.grad = None
loss.backward()
""",
    """
w1, b1, w2, b2 = (torch.tensor(_data, requires_grad=True) for _data in (_w1, _b1, _w2, _b2))
x, t = torch.tensor(_x), torch.tensor(_t)
""",
    _MLP_WEIGHTS,
    "w1.grad.tolist()[1][3]",
)

_MLP_VALUES = Code(
    """
loss = Value(0.)
for row, wanted in zip(_x, _t):
    h = [(w1[0][j] * row[0] + w1[1][j] * row[1] + b1[j]).relu() for j in range(8)]
    for k in range(2):
        out = b2[k]
        for j in range(8):
            out = out + h[j] * w2[j][k]
        loss = loss + (out - wanted[k]) ** 2
loss = loss * 0.125
for parameter in parameters:
    parameter.grad = 0.
loss.backward()
""",
    """
w1, w2 = [[Value(v) for v in row] for row in _w1], [[Value(v) for v in row] for row in _w2]
b1, b2 = [Value(v) for v in _b1], [Value(v) for v in _b2]
parameters = [*w1[0], *w1[1], *b1, *b2]
for row in w2:
    parameters.extend(row)
""",
    _MLP_WEIGHTS,
    "w1[1][3].grad",
)


def _chain(step: str, backward: bool, result: str) -> str:
    sweep = "x.grad = None\ny.backward()\n" if backward else ""
    return f"y = x\nfor _ in range({CHAIN}):\n    y = {step}\n{sweep}r = {result}\ndel y"


_CHAIN_VALUE = f"x.grad = 0.\ny = x\nfor _ in range({CHAIN}):\n    y = y + 1\ny.backward()\ndel y"

CASES: tuple[Case, ...] = (
    Case(
        "x*x, no graph",
        Code("x*x", _PLAIN, result="(x*x).item()"),
        numpy=Code("x*x", _ARRAY, result="(x*x).item()"),
        targets=_torch(10, 18),
    ),
    Case(
        "x*x, recorded",
        Code("x*x", _LEAF, result="(x*x).item()"),
        value=Code("x*x", _VALUE, result="(x*x).data"),
        targets=_torch(14, 24),
    ),
    Case(
        "x + 1, recorded",
        Code("x + 1", _LEAF, result="(x + 1).item()"),
        value=Code("x + 1", _VALUE, result="(x + 1).data"),
        targets=_torch(20, 40),
    ),
    Case(
        "x + x, recorded",
        Code("x + x", _LEAF, result="(x + x).item()"),
        value=Code("x + x", _VALUE, result="(x + x).data"),
    ),
    Case(
        "torch.exp(x), recorded",
        Code("torch.exp(x)", _LEAF, result="torch.exp(x).item()"),
        value=Code("exp(x)", _VALUE, result="exp(x).data"),
        micrograd=False,
        targets=_torch(12, 20),
    ),
    Case(
        "torch.tensor([3.], requires_grad=True)",
        Code("torch.tensor([3.], requires_grad=True)"),
        numpy=Code("np.array([3.], dtype=np.float32)"),
        value=Code("Value(3.)"),
        targets=_torch(12, 22),
    ),
    Case(
        "x.item()",
        Code("x.item()", _PLAIN, result="x.item()"),
        numpy=Code("x.item()", _ARRAY, result="x.item()"),
        targets=_torch(3, 4),
    ),
    Case(
        "(x*x).backward()",
        Code("x.grad = None\n(x*x).backward()", _LEAF, result="x.grad.item()"),
        value=Code("x.grad = 0.\n(x*x).backward()", _VALUE, result="x.grad"),
    ),
    Case(
        "optimizer.step(), two parameters",
        Code(
            "optimizer.step()",
            "w, b = (torch.tensor([v], requires_grad=True) for v in (5., 1.))\n"
            "(w*b*1e-9).backward()\n"
            "optimizer = optim.SGD([w, b], lr=0.01)",
            result="w.item()",
        ),
    ),
    Case(
        "autograd.grad(x**2 + x*2 + 2, x)",
        Code("g = torch.autograd.grad(x**2 + x*2 + 2, x)", _LEAF, result="g[0].item()"),
        value=Code("x.grad = 0.\n(x**2 + x*2 + 2).backward()", _VALUE, result="x.grad"),
        targets=_torch(20, 40),
    ),
    Case(
        "cell 5, third derivative",
        Code(
            "x = torch.tensor([2.], requires_grad=True)\n"
            "y = x**3 + x**2 + x + 1\n"
            "dy = torch.autograd.grad(y, x, create_graph=True)\n"
            "ddy = torch.autograd.grad(dy[0], x, create_graph=True)\n"
            "ddd = torch.autograd.grad(ddy[0], x)",
            result="dy[0].item() + ddy[0].item() + ddd[0].item()",
        ),
        value=Code(
            "x = Value(2.)\n"
            "y = x**3 + x**2 + x + 1\n"
            "dy = grad(y, x, create_graph=True)\n"
            "ddy = grad(dy, x, create_graph=True)\n"
            "ddd = grad(ddy, x)",
            result="dy.data + ddy.data + ddd.data",
        ),
        micrograd=False,
        targets=_torch(15, 35),
    ),
    Case(
        "lesson training step, cells 15-16",
        Code("train()", "loss_hist.clear()", _LESSON, "loss_hist[-1]"),
        value=Code("train()", "loss_hist.clear()", _LESSON_VALUES, "loss_hist[-1]"),
        targets=(Target("torch", 25, 50), Target("micrograd", 3, 7)),
    ),
    Case(
        "chain of 20,000 y + 1, forward and backward, per node",
        Code(_chain("y + 1", True, "x.grad"), _LEAF, result="r.item()"),
        value=Code(_CHAIN_VALUE, _VALUE, result="x.grad"),
        micrograd=False,  # its sweep recurses once per node
        per=CHAIN,
        targets=_torch(15, 30),
    ),
    Case(
        "chain of 20,000 y + x, forward and backward, per node",
        Code(_chain("y + x", True, "x.grad"), _LEAF, result="r.item()"),
        value=Code(_CHAIN_VALUE.replace("y + 1", "y + x"), _VALUE, result="x.grad"),
        micrograd=False,
        per=CHAIN,
    ),
    Case(
        "chain of 20,000 y + 1, forward and drop, per node",
        Code(_chain("y + 1", False, "y.item()"), _LEAF, result="r"),
        value=Code(_chain("y + 1", False, "y.data"), _VALUE, result="r"),
        per=CHAIN,
    ),
    Case("2-8-2 network on 4 samples, forward and backward", _MLP, value=_MLP_VALUES),
    Case(
        "x + 1, no graph",
        Code("x + 1", _PLAIN, result="(x + 1).item()"),
        numpy=Code("x + 1", _ARRAY, result="(x + 1).item()"),
    ),
    Case(
        "torch.exp(x), no graph",
        Code("torch.exp(x)", _PLAIN, result="torch.exp(x).item()"),
        numpy=Code("np.exp(x)", _ARRAY, result="np.exp(x).item()"),
    ),
    Case(
        "x.sum(), 8x8",
        Code("x.sum()", f"x = torch.tensor({_MATRIX})", result="x.sum().item()"),
        numpy=Code("x.sum()", f"x = np.array({_MATRIX}, dtype=np.float32)", result="x.sum().item()"),
    ),
    Case(
        "x @ x, 8x8",
        Code("x @ x", f"x = torch.tensor({_MATRIX})", result="(x @ x).tolist()[2][3]"),
        numpy=Code("x @ x", f"x = np.array({_MATRIX}, dtype=np.float32)", result="(x @ x).tolist()[2][3]"),
    ),
    Case(
        "x[0], 8x8",
        Code("x[0]", f"x = torch.tensor({_MATRIX})", result="x[0].tolist()[5]"),
        numpy=Code("x[0]", f"x = np.array({_MATRIX}, dtype=np.float32)", result="x[0].tolist()[5]"),
    ),
    Case("x.detach()", Code("x.detach()", _LEAF, result="x.detach().item()")),
    Case(
        "float(x)",
        Code("float(x)", "x = torch.tensor(3.)", result="float(x)"),
        numpy=Code("float(x)", "x = np.array(3., dtype=np.float32)", result="float(x)"),
    ),
    Case("repr(x)", Code("repr(x)", _PLAIN), numpy=Code("repr(x)", _ARRAY)),
)
