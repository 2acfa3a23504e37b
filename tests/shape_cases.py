"""Shapes, creation and formulas of several operations, as cases for the table of op_cases.py."""

from __future__ import annotations

from lib import DTYPES, FLOATS
from op_cases import EXACT, Case, Spec, close, spec

SHAPING = (
    """
a.reshape(6)|a.reshape(3, 2)|a.reshape((3, -1))|a.reshape(-1)|a.reshape([1, 6])|torch.reshape(a, (6, 1))|a.T.reshape(6)|a.reshape(2, 3)
a.view(6)|a.view(3, 2)|a.view((3, -1))|a.view(-1, 1)|a.view(torch.Size([3, 2]))|a.T.view(3, 2)|a.reshape(shape=(6,))
a.flatten()|torch.flatten(a)|a.flatten(0, 1)|a.flatten(start_dim=1)|a.T.flatten()|a[0, 0].flatten()|a.reshape(1, 2, 3).flatten(1)|a.reshape(1, 2, 3).flatten(0, -2)
a.reshape(1, 2, 1, 3).squeeze()|a.reshape(1, 2, 1, 3).squeeze(0)|a.reshape(1, 2, 1, 3).squeeze(1)|a.reshape(1, 2, 1, 3).squeeze((0, 2))|torch.squeeze(a.reshape(2, 3, 1), -1)|a.squeeze(dim=0)
a.unsqueeze(0)|a.unsqueeze(-1)|torch.unsqueeze(a, 1)|a.unsqueeze(dim=2)|a[0, 0].unsqueeze(0)
a.transpose(0, 1)|torch.transpose(a, -1, 0)|a.transpose(dim0=1, dim1=0)|a.transpose(0, 0)|a.t()|torch.t(a)|a[0].t()|a[0, 0].t()|a.T
a.permute(1, 0)|a.permute((1, 0))|torch.permute(a, (1, 0))|a.reshape(1, 2, 3).permute(2, 0, 1)|a.permute(-1, 0)|a[0, 0].permute()
a.expand(2, 3)|a.expand(4, 2, 3)|a[:1].expand(5, 3)|a[:, :1].expand(-1, 4)|a[0].expand(2, -1)|a[0, 0].expand(2, 2)|a.expand((2, 2, 3))|a[:, :0].expand(2, 0)
torch.cat([a, a])|torch.cat((a, a), 1)|torch.cat([a, a.T], dim=0)|torch.cat([a, a], -1)|torch.cat([a])|torch.cat([a[:0], a])|torch.cat([torch.tensor([]), a])|torch.cat([a, b], 0)|torch.cat(tensors=[a, b], dim=1)
torch.cat([a, b], out=torch.empty(0, dtype=a.dtype))|torch.stack([a, b], out=torch.empty(0, dtype=a.dtype))
torch.stack([a, b])|torch.stack((a, b), 1)|torch.stack([a, b], dim=-1)|torch.stack([a])|torch.stack([a[0], b[1]], 1)|torch.stack([a[0, 0], b[0, 0]])
torch.cat([a, b.double()])|torch.cat([a, b.long()])|torch.stack([a, b.bool()])|a.clone()|a.contiguous()|a.T.contiguous()|a.T.clone()
a.double()|a.float()|a.long()|a.int()|a.bool()|a.to(torch.float64)|a.to(dtype=torch.int32)|a.to(b)|a.to('cpu')|a.type(torch.float64)|a.type('torch.LongTensor')|a.to(torch.float32, copy=True)
a.reshape(1, 1, 1, 1, 1, 1, 1, 1, 2, 3)|a.reshape(1, 1, 1, 1, 1, 1, 1, 1, 2, 3).transpose(-1, 0)|a.reshape(1, 1, 1, 1, 1, 1, 1, 1, 2, 3) + a.reshape(2, 3, 1, 1, 1, 1, 1, 1, 1, 1).sum(0)
a.reshape(1, 1, 1, 1, 1, 1, 1, 1, 2, 3).sum((8, 0))|a.reshape(1, 1, 1, 1, 1, 1, 1, 1, 2, 3).permute(9, 8, 7, 6, 5, 4, 3, 2, 1, 0) * 2
a.expand(2, 2, 3).sum(0)|a.T @ b|(a.T * b.T).sum(1)|a.T.reshape(-1) * b.reshape(-1)|a.unsqueeze(0) * b.unsqueeze(1)
""".strip()
    .replace("\n", "|")
    .split("|")
)


def shape_cases() -> list[Case]:
    out: list[Case] = []
    for dtype in DTYPES:
        for form in SHAPING:
            inputs = {"a": spec(dtype), "b": spec(dtype)}
            if "b" not in form.replace("bool", "").replace("double", ""):
                del inputs["b"]
            out.append(
                Case("shape", form, inputs, close(4), close(4), 2 if "*" in form or "@" in form else 1)
            )
    return out


CREATION = (
    """
torch.zeros(2, 3)|torch.zeros((2, 3))|torch.zeros([2])|torch.zeros(())|torch.zeros(0)|torch.zeros(2, 0)|torch.zeros(size=(2,))|torch.zeros(2, dtype=torch.int64)|torch.zeros(torch.Size([2, 2]))
torch.ones(3)|torch.ones(2, 2, dtype=torch.bool)|torch.ones((), dtype=torch.float64)|torch.ones(2, 3, device='cpu')|torch.ones(2, out=torch.empty(0))
torch.full((2, 2), 1.5)|torch.full((2,), 7)|torch.full((2,), True)|torch.full((), 2)|torch.full((2,), 7, dtype=torch.float64)|torch.full((2,), 2.9, dtype=torch.int64)|torch.full([1], -1)|torch.full(size=(2,), fill_value=3)
torch.arange(5)|torch.arange(2, 7)|torch.arange(0, 10, 3)|torch.arange(5.)|torch.arange(0, 1, 0.25)|torch.arange(0.1, 1, 0.1)|torch.arange(5, 0, -2)|torch.arange(0)|torch.arange(3, 3)|torch.arange(1, 2, 0.3)|torch.arange(end=4)|torch.arange(start=1, end=4, step=2)
torch.arange(5, dtype=torch.float32)|torch.arange(0, 5, dtype=torch.float64)|torch.arange(2.5)|torch.arange(-1, 1, 0.1)|torch.arange(-1, 1, 0.1, dtype=torch.float64)|torch.arange(0, 3, dtype=torch.int32)|torch.arange(100)|torch.arange(0, 100, 0.7)|torch.arange(torch.tensor(3))|torch.arange(5, out=torch.empty(0, dtype=torch.int64))
torch.eye(3)|torch.eye(2, 3)|torch.eye(3, 2, dtype=torch.int64)|torch.eye(0)|torch.eye(1, dtype=torch.bool)|torch.eye(n=2, m=2)|torch.eye(2, out=torch.empty(0))
torch.zeros_like(a)|torch.ones_like(a)|torch.full_like(a, 2)|torch.zeros_like(a, dtype=torch.int64)|torch.ones_like(a.T)|torch.full_like(a, 2.5)|torch.full_like(i, 2)|torch.zeros_like(i)|torch.ones_like(i, dtype=torch.float64)|torch.full_like(a, 3, dtype=torch.int32)|torch.zeros_like(a[:, ::2])
""".strip()
    .replace("\n", "|")
    .split("|")
)
LINSPACE = (
    """
torch.linspace(0, 1, 5)|torch.linspace(-2, 3, 7)|torch.linspace(0, 1, 1)|torch.linspace(3, 1, 4)|torch.linspace(0, 10, 11, dtype=torch.int64)|torch.linspace(0, 1, 2)|torch.linspace(0, 1, 0)|torch.linspace(-5, 5, 100)|torch.linspace(0, 1, 10, dtype=torch.float64)|torch.linspace(start=0, end=1, steps=3)
torch.linspace(0.1, 0.7, 13)|torch.linspace(-1, 1, 1001)|torch.linspace(0, 5, 4, dtype=torch.int32)|torch.linspace(2, 2, 3)|torch.linspace(0, 1, steps=4, out=torch.empty(0))|torch.linspace(-0.5, 1e6, 33, dtype=torch.float64)
""".strip()
    .replace("\n", "|")
    .split("|")
)


def creation_cases() -> list[Case]:
    def inputs(form: str) -> dict[str, Spec]:
        found = {}
        if "(a" in form:
            found["a"] = spec("float32")
        if "(i" in form:
            found["i"] = spec("int64")
        return found

    out = [Case("creation", form, inputs(form), close(1) if "arange" in form else EXACT) for form in CREATION]
    return out + [Case("creation linspace", form, {}, close(1)) for form in LINSPACE]


COMPOSITE = (
    """
(a * b).sum()|((a - b) ** 2).mean()|torch.exp(-a * a)|torch.log(a.exp() + b.exp())|a * torch.sigmoid(b)|torch.tanh(a @ b.T)|(a / (b * b + 1)).sum(0)|a.max(1).values.sum()
torch.where(a > b, a * a, b * a)|(a * a * a).sum() / (b * b).sum()|torch.relu(a @ b.T).sum()|a[0] * b[1] + a[1, 2]|torch.cat([a, b]).mean(0)|torch.stack([a, b]).max(0)[0]
torch.sqrt(a * a + b * b)|(a.T @ b).sum(1)|(2 ** a) * (b ** 3)|1 / (1 + torch.exp(-a))|torch.maximum(a, b) - torch.minimum(a, b)|(a - a.mean()) / ((a - a.mean()) ** 2).mean().sqrt()|a.abs().log() * b.cos()
torch.log(torch.exp(a - a.max(1, keepdim=True)[0]).sum(1))|(a.unsqueeze(1) * b.unsqueeze(0)).sum(-1)|a.expand(2, 2, 3).sum((0, 2)) * b[:, 0]|a % (b.abs() + 1)|a.tan() * b.reciprocal()|a.square() + b.square()
""".strip()
    .replace("\n", "|")
    .split("|")
)


def composite_cases() -> list[Case]:
    out: list[Case] = []
    for dtype in FLOATS:
        for form in COMPOSITE:
            inputs = {"a": spec(dtype, (2, 3), "-1:1"), "b": spec(dtype, (2, 3), "0.2:1")}
            if "b" not in form.replace("abs", "").replace("unsqueeze", ""):
                del inputs["b"]
            out.append(Case("composite", form, inputs, close(16), close(64), 2))
    return out
