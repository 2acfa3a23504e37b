"""Mistakes, one a line: the code that makes it. Every line starts from fresh tensors.

x (3 elements), s (one element) and m (2x3) are leaves that require grad; a, b, i, f, e (3, 2, 3, 2x3 and no elements) do not.
"""

from __future__ import annotations

from typing import Any

CASES = """
y = (x * x).sum(); y.backward(); y.backward()
y = (x * x).sum(); torch.autograd.grad(y, x); torch.autograd.grad(y, x)
y = x.exp(); torch.autograd.grad(y.sum(), x); torch.autograd.grad(y.sum(), x)
a.sum().backward()
torch.autograd.grad(a.sum(), x)
(x * 2).backward()
torch.autograd.grad(x * 2, x)
torch.autograd.grad(x.sum(), s)
torch.autograd.grad(x.sum(), [x, s])
torch.autograd.grad(x.sum(), a)
torch.autograd.grad((x * 2).sum(), [x, a])
torch.autograd.grad(x.sum(), [])
torch.autograd.grad([], [x])
(x * 2).backward(torch.ones(2))
(x * 2).backward(torch.ones(3, 1))
(x * 2).backward(3)
torch.autograd.grad([x * 2, x * 3], x, [torch.ones(3)])
torch.autograd.backward([x.sum(), s.sum()], [torch.tensor(1.)])
x.sum().backward(inputs=[])
x.sum().backward(inputs=[a])
torch.autograd.grad(x.sum(), s, allow_unused=False, materialize_grads=True)
torch.tensor([1, 2], requires_grad=True)
torch.tensor([True], requires_grad=True)
torch.zeros(2, dtype=torch.int64, requires_grad=True)
i.requires_grad_()
i.requires_grad = True
(x * 2).requires_grad = False
(x * 2).requires_grad_(False)
torch.arange(3, requires_grad=True)
x += 1
x.add_(1)
x -= 0.1 * x
x *= 2
x.mul_(2)
x.zero_()
x.fill_(1.)
x[0] = 1.
x[x > 0] = 0.
m.T.add_(1)
m[0].add_(1)
m[0][1] = 5.
m.view(6)[0] = 1.
x.exp_()
y = x.exp(); y.add_(1); y.sum().backward()
y = x.exp(); z = y.sum(); y[0] = 3.; z.backward()
y = x * 1; z = y * y; y.mul_(2); z.sum().backward()
y = x * 1; z = y ** 2; y[1] = 0; z.sum().backward()
w = torch.ones(3); z = (x * w).sum(); w.add_(1); z.backward()
w = torch.ones(3); v = w.view(3, 1); z = (x * w).sum(); v.add_(1); z.backward()
y = x.sigmoid(); z = y.sum(); y.zero_(); torch.autograd.grad(z, x)
y = m @ x; z = (m @ (y.sum() * x)).sum(); torch.autograd.grad(z, x); torch.autograd.grad(z, x)
y = x.tanh(); z = y * 2; y.sqrt_(); z.sum().backward()
y = x * 1; z = y.max(0).values; z2 = y.sin(); y.add_(1); z2.sum().backward()
a + b
x + b
a - b
a * b
a / b
a // b
a % b
a ** b
a < b
a == b
a += b
a.add_(b)
b += f
a.add_(f)
torch.maximum(a, b)
torch.where(a > 0, a, b)
torch.where(b > 0, a, f)
f + b
a @ b
f @ f
f @ b
a @ a.reshape(3, 1) @ b
f.mm(f)
f.mm(a)
a.mm(f)
f.mv(b)
f.mv(f)
a.mv(a)
a.dot(b)
f.dot(f)
a.dot(f)
torch.tensor(1.) @ a
a @ torch.tensor(1.)
torch.ones(2, 3, 4) @ torch.ones(3, 4, 2)
torch.ones(2, 3, 4) @ torch.ones(3, 5)
f.mm(torch.ones(3, 2, dtype=torch.float64))
f @ torch.ones(3, 2, dtype=torch.float64)
f @ torch.ones(3, dtype=torch.float64)
a.dot(a.double())
i @ a
f.mm(torch.ones(3, 2, dtype=torch.int64))
torch.ones(2, 3, 4).t()
i += 0.5
i += a
i /= 2
i.add_(1.5)
i.div_(2)
i *= 2.5
i **= 0.5
i ** -1
i.pow_(0.5)
i.exp_()
i.sqrt_()
i.sigmoid_()
i // 0
i % 0
torch.tensor([True]) - torch.tensor([False])
torch.tensor([True]) - True
True - torch.tensor([True])
-torch.tensor([True])
torch.tensor([True]).neg()
torch.add(torch.tensor([True]), torch.tensor([True]), alpha=2.0)
torch.add(i, i, alpha=1.5)
torch.add(a, a, alpha='x')
torch.tensor([True]).add_(1)
bool(a)
if a > 0: pass
not b
bool(e)
a.item()
e.item()
f.item()
int(a)
float(a)
float(f)
len(torch.tensor(1))
list(torch.tensor(1))
for q in torch.tensor(1.): pass
range(10)[a[0]]
range(10)[i]
[1, 2, 3][torch.tensor(1.5)]
a[5]
a[-4]
a[3]
f[2]
f[0, 3]
f[0, 0, 0]
f[-3]
torch.tensor(1.)[0]
a[0, 0]
a['x']
a[1.5]
a[0:2.5]
a[::-1]
a[::0]
a[[0, 5]]
a[[0, -4]]
a[torch.tensor([3])]
a[torch.tensor([0.5])]
a[torch.tensor([True, False])]
f[torch.tensor([True, False, True])]
f[torch.tensor([[True, False]])]
f[[0, 1], [0, 1, 2]]
f[:, torch.tensor([3])]
a[5] = 1.
a[[0, 5]] = 1.
a[0] = torch.ones(2)
a[0] = 'x'
f[0] = torch.ones(2)
f[:, 0] = torch.ones(3)
a[a > 0] = torch.ones(7)
a[torch.tensor([0, 1])] = torch.ones(3)
a[::-1] = 1.
torch.tensor(1.)[0] = 1.
f[torch.tensor([True, False, True])] = 1.
torch.tensor([[1, 2], [3]])
torch.tensor([[1, 2], 3])
torch.tensor([1, [2]])
torch.tensor([[1], [2, 3]])
torch.tensor('x')
torch.tensor(['x'])
torch.tensor([1, 'x'])
torch.tensor(None)
torch.tensor([None])
torch.tensor([1, None])
torch.tensor(object())
torch.tensor({1: 2})
torch.tensor()
torch.tensor([1.5], dtype=float)[1]
torch.tensor([1], dtype='float32')
torch.tensor([1], dtype=3)
torch.tensor([2**63])
torch.tensor(2**64)
torch.tensor([2**31], dtype=torch.int32)
torch.tensor([a, b])
torch.tensor([a])
torch.tensor([1 + 2j], dtype=torch.float32)
torch.tensor([1], device='nowhere')
torch.tensor([1], device='cuda:x')
x.numpy()
(x * 2).numpy()
np.asarray(x)
np.array(x * 2)
np.sin(x)
torch.from_numpy([1, 2])
torch.from_numpy(np.arange(3)[::-1])
torch.from_numpy(np.array(['x']))
torch.from_numpy(np.array([object()]))
torch.tensor(np.array(['x']))
a.reshape(2)
f.reshape(4, 2)
f.reshape(-1, -1)
f.reshape(-1, 4)
f.reshape(-2, 3)
f.view(4, 2)
f.view(-1, 4)
f.T.view(6)
e.reshape(-1, 0)
e.view(-1, 0)
a.view('x')
f.flatten(1, 0)
f.flatten(2)
f.flatten(0, 5)
f.squeeze(2)
f.unsqueeze(4)
f.unsqueeze(-4)
f.transpose(0, 2)
f.transpose(0)
f.permute(0)
f.permute(0, 0)
f.permute(0, 2)
f.permute(0, 1, 2)
f.expand(3, 3)
f.expand(3)
f.expand(-1, 2, 3)
f.expand(2, 4)
a.expand(2, -2)
torch.cat([])
torch.cat(a)
torch.cat([a, f])
torch.cat([f, torch.ones(2, 2)])
torch.cat([f, torch.ones(2, 2)], 2)
torch.cat([a, 1])
torch.cat([torch.tensor(1.), torch.tensor(2.)])
torch.stack([])
torch.stack([a, b])
torch.stack([a, a], 3)
torch.stack(5)
a.sum(1)
a.sum(-2)
f.sum((0, 0))
f.sum((0, 2))
f.sum(0.5)
f.sum('x')
a.mean(1)
i.mean()
i.mean(0)
torch.tensor([True]).mean()
i.mean(dtype=torch.int32)
e.max()
e.min()
e.max(0)
torch.zeros(2, 0).max(1)
f.max(2)
f.max((0, 1))
a.max(a, a)
torch.max(a, 0, out=a)
torch.exp('x')
torch.exp(1.0)
torch.exp()
torch.exp(a, a)
torch.exp(a, b=2)
torch.sin(None)
torch.relu(True)
torch.add(a)
torch.mul(a, 'x')
torch.mul(a, None)
torch.matmul(a, 2)
torch.sqrt([1.0])
a + 'x'
a + None
a + [1, 2, 3]
'x' + a
a < 'x'
a @ 2
a.add_('x')
torch.pow(2, 3)
torch.where(a)[3]
torch.where(a, a, a)
torch.where(1, a, a)
torch.exp(a, out=i)
torch.add(a, a, out=i)
torch.add(x, a, out=a)
torch.exp(a, out=x)
torch.exp(a, out=torch.zeros(3, dtype=torch.bool))
torch.sum(a, out=i)
a.sum(0, out=a)
torch.zeros(-1)
torch.zeros(2, -3)
torch.zeros('x')
torch.zeros(2.5)
torch.zeros()
torch.zeros((2, 'x'))
torch.zeros(2**62)
torch.zeros(2**40, 2**40)
torch.zeros(2**32, 2**31)
torch.empty(2**62, 8)
torch.empty(2**50)
torch.ones(2**55)
torch.ones(2**60, dtype=torch.float64)
torch.full((2**61,), 1.5)
torch.zeros(2**63)
torch.rand(2**55)
a.expand(2**62, 3) + 1
torch.arange(2**60)
torch.full((2,), 'x')
torch.full((2,))
torch.full((-2,), 1.)
torch.arange(0, 3, 0)
torch.arange(3, 0)
torch.arange(0, 3, -1)
torch.arange(0, float('inf'))
torch.arange(0, float('nan'))
torch.arange()
torch.arange('x')
torch.linspace(0, 1)
torch.linspace(0, 1, -1)
torch.linspace(0, 1, 2.5)
torch.eye(-1)
torch.eye(2, -1)
torch.eye(2.5)
torch.ones_like(3)
torch.zeros(2, dtype=torch.float32, foo=1)
torch.zeros(2, device='gpu')
torch.device('gpu')
torch.device('cuda', -2)
torch.set_default_dtype(torch.int64)
torch.set_default_dtype('float32')
torch.set_num_threads(0)
torch.set_num_threads('x')
torch.manual_seed('x')
a.register_hook(lambda g: g)
x.register_hook(lambda g: 5); x.sum().backward()
x.register_hook(lambda g: g[:2]); x.sum().backward()
x.register_hook(lambda g: g.double()); x.sum().backward()
x.register_hook(lambda g: 1 / 0); (x * 2).sum().backward()
y = x * 2; y.register_hook(lambda g: [][1]); y.sum().backward()
a.retain_grad()
x.grad = 5
x.grad = torch.ones(2)
x.grad = torch.ones(3, dtype=torch.float64)
x.grad = x
x.data = 5
x.data = torch.ones(3, dtype=torch.int64)
del x.shape
x.shape = (3,)
x.dtype = torch.float64
x.no_such_name
torch.no_such_name
x.grad_fn = None
x.is_leaf = True
y = x.detach(); y.requires_grad_(); y.add_(1)
copy.deepcopy(x * 2)
format(a, '.2f')
'{:d}'.format(torch.tensor(1.5))
hex(torch.tensor(1.5))
torch.autograd.grad(5, x)
torch.autograd.grad(x.sum(), 5)
torch.autograd.grad(x.sum())
torch.autograd.backward(5)
torch.autograd.grad(x.sum(), x, create_graph=1, foo=2)
x.sum().backward(foo=1)
torch.set_grad_enabled()
torch.set_grad_enabled('x')
a.to('x')
a.to(None, None, None, None, None, None)
a.type(5)
a.type('torch.NoTensor')
a.tolist(1)
a.size(1)
a.stride(2)
torch.Size(['x'])
torch.Size([1.5])
iter(torch.tensor(2.0))
'x' in a
a.copy_(b)
a.fill_(torch.ones(2))
a.clone(5)
x.detach_().backward()
m[0].detach_()
""".strip().split("\n")


def names(torch: Any, numpy: Any) -> dict[str, Any]:
    import copy

    return {
        "torch": torch,
        "np": numpy,
        "copy": copy,
        "x": torch.tensor([0.5, 1.5, 2.5], requires_grad=True),
        "s": torch.tensor([2.0], requires_grad=True),
        "m": torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], requires_grad=True),
        "a": torch.tensor([1.0, 2.0, 3.0]),
        "b": torch.tensor([1.0, 2.0]),
        "i": torch.tensor([1, 2, 3]),
        "f": torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]),
        "e": torch.tensor([]),
    }


TENSORS = "xsmabife"


def state(tensor: Any) -> Any:
    """All that a mistake must not change."""
    grad = None if tensor.grad is None else tensor.grad.tolist()
    shape, stride = tuple(tensor.shape), tensor.stride()
    return [
        tensor.tolist(),
        shape,
        stride,
        str(tensor.dtype),
        tensor.requires_grad,
        tensor.grad_fn is None,
        grad,
        tensor._version,
    ]
