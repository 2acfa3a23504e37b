"""Expressions whose graph is compared with torch's: names of nodes, edges, names of gradients."""

from __future__ import annotations

from typing import Any

from lib import first_sentence

EXPRESSIONS = """
x+y x+1 1+x x-y x-1 1-x x*y x*2 2*x x/y x/2 2/x -x x**2 x**3 x**0.5 x**-1 x**1 x**0 x**y 2**x 0**x
x//y x//2 x%y x%0.3 2%x s+x s*x x*s s/x s-x s**x x**s m*x m+x x-m
torch.add(x,y) torch.add(x,y,alpha=2) torch.sub(x,y) torch.sub(x,y,alpha=3) torch.mul(x,2) torch.div(x,y)
torch.div(x,y,rounding_mode='floor') torch.div(x,y,rounding_mode='trunc') torch.pow(x,2) torch.pow(x,y) torch.pow(2,x)
torch.remainder(x,y) torch.floor_divide(x,y) torch.neg(x)
torch.exp(x) torch.log(x) torch.sin(x) torch.cos(x) torch.tan(x) torch.tanh(x) torch.sigmoid(x) torch.relu(x) torch.sqrt(x)
torch.exp2(x) torch.expm1(x) torch.log2(x) torch.log10(x) torch.log1p(x) torch.asin(x) torch.acos(x) torch.atan(x) torch.sinh(x)
torch.cosh(x) torch.erf(x) torch.rsqrt(x) torch.arcsin(x) torch.arccos(x) torch.arctan(x) x.erf() x.clone().expm1_() x.clone().arctan_()
torch.abs(x) torch.reciprocal(x) torch.square(x) torch.maximum(x,y) torch.minimum(x,y) torch.where(x>0.5,x,y)
torch.where(x>0.5,x,0.) torch.where(x>0.5,1.,y) x.exp() x.abs() abs(x) x.tanh().exp()
torch.sum(x) m.sum(0) m.sum((0,1)) m.sum(0,keepdim=True) torch.mean(x) m.mean(0) m.mean(1,keepdim=True) x.mean(dtype=torch.float64)
torch.max(x) torch.min(x) torch.max(m,1)[0] torch.min(m,1)[0] torch.max(x,y) torch.min(x,y) torch.sum(x*y)
x@y m@x x@m m@m x.dot(y) m.mm(m) m.mv(x) torch.matmul(m,m) torch.matmul(m.view(1,3,3),m) torch.matmul(x,m.view(1,3,3))
torch.matmul(m.view(1,3,3),x) torch.matmul(m,m.view(1,3,3))
m.t() m.T m.transpose(0,1) m.permute(1,0) x.unsqueeze(0) x.view(1,3).squeeze() x.view(1,3).squeeze(0) x.view(1,3,1).squeeze((0,2))
x.view(3,1) m.reshape(9) m.T.reshape(9) m.flatten() x.flatten() m.T.flatten() x.expand(2,3) torch.cat([x,y]) torch.stack([x,y]) torch.cat([x,y,x])
x[0] x[1:] x[::2] x[...] x[None] x[:] m[0,1] m[0] m[:,1] m[1:,0] m[...,0] m[None,0] x[torch.tensor([0,1])] x[[0,2]] x[x>0.3] m[m>0.5] m[0,[1,2]]
m[[0,1],[1,2]] m[:,[0,2]] x[True] x[torch.tensor(1)] m[torch.tensor(1),torch.tensor(0)]
x.clone() x.double() x.to(torch.float64) x.float() x.contiguous() m.T.contiguous() x.detach() x+x x*x (x*2).view(3,1)
x.clone().add_(1) x.clone().mul_(2) x.clone().sub_(y) x.clone().div_(y) x.clone().neg_() x.clone().exp_() x.clone().sqrt_() x.clone().pow_(2)
x.clone().view(3,1).mul_(2) x.clone().relu_() x.clone().sigmoid_() x.clone().zero_() x.clone().fill_(3.) torch.exp(x)*torch.sin(x)
written(x,0,5.) written(x,0,s) written(x,x>0.5,0.) written(m,0,x) written(x,[0,1],s) view_after_write(x)
iadd(x,y) imul(x,2) isub(x,y) itruediv(x,y) ipow(x,2)
""".split()


def names(torch: Any) -> dict[str, Any]:
    """The namespace of the expressions, in fresh leaves."""
    x = torch.tensor([0.5, 0.8, 0.3], requires_grad=True)
    y = torch.tensor([0.7, 0.2, 0.9], requires_grad=True)
    m = torch.tensor([[0.6, 0.2, 0.9], [0.4, 0.8, 0.1], [0.3, 0.7, 0.5]], requires_grad=True)
    s = torch.tensor(1.5, requires_grad=True)

    def written(t: Any, key: Any, value: Any) -> Any:
        t = t.clone()
        t[key] = value
        return t

    def view_after_write(t: Any) -> Any:
        t = t.clone()
        v = t[1:]
        t.mul_(2)
        return v

    def iadd(a: Any, b: Any) -> Any:
        a = a.clone()
        a += b
        return a

    def isub(a: Any, b: Any) -> Any:
        a = a.clone()
        a -= b
        return a

    def imul(a: Any, b: Any) -> Any:
        a = a.clone()
        a *= b
        return a

    def itruediv(a: Any, b: Any) -> Any:
        a = a.clone()
        a /= b
        return a

    def ipow(a: Any, b: Any) -> Any:
        a = a.clone()
        a **= b
        return a

    return locals()


def node(fn: Any) -> Any:
    return None if fn is None else type(fn).__name__


def describe(torch: Any, expression: str) -> dict[str, Any]:
    """The graph of the value of `expression`: its node, the node's edges, and the nodes of its gradients."""
    space = names(torch)
    value = eval(expression, {"torch": torch}, space)
    if value is space["x"]:
        return {"same": True}
    out: dict[str, Any] = {"name": node(value.grad_fn)}
    if value.grad_fn is None:
        return out
    if value.grad_fn.name() != out["name"]:
        out["full"] = value.grad_fn.name()
    out["edges"] = [[node(fn), number] for fn, number in value.grad_fn.next_functions]
    leaves = {key: space[key] for key in "xyms"}

    def gradients(target: Any) -> dict[str, Any]:
        found = torch.autograd.grad(
            target, list(leaves.values()), torch.ones_like(target), create_graph=True, allow_unused=True
        )
        return {key: g for key, g in zip(leaves, found, strict=True) if g is not None}

    try:
        first = gradients(value)
    except RuntimeError as error:
        return {**out, "error": first_sentence(str(error))}
    out["first"] = {key: node(g.grad_fn) for key, g in first.items()}
    out["second"] = {
        key: {k: node(h.grad_fn) for k, h in gradients(g).items()}
        for key, g in first.items()
        if g.grad_fn is not None
    }
    return out
