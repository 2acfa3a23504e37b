"""Tensors whose printed text is compared with torch's: (options of set_printoptions, expression)."""

from __future__ import annotations

from typing import Any

_EXPRESSIONS = """
torch.tensor([1e-5,1.]) torch.tensor([1e9]) torch.tensor(3) torch.tensor(True) torch.tensor(2.5) torch.tensor([-0.,0.])
torch.tensor([float('nan'),float('inf'),-float('inf')]) torch.tensor([float('inf'),1.5]) torch.tensor([1.,float('nan')])
torch.tensor([1e-4,1.]) torch.tensor([9.9e-5]) torch.tensor([1e8]) torch.tensor([1.0000001e8]) torch.tensor([100000.5,1.]) torch.tensor([1000.5,1.])
torch.tensor([1001.5,1.]) torch.tensor([0.1],dtype=torch.float64) torch.tensor([16777216.]) torch.tensor([1e38,1e-38])
torch.zeros(0) torch.zeros(2,0) torch.zeros(0,dtype=torch.int64) torch.zeros(0,dtype=torch.float64,requires_grad=True) torch.zeros(0,3)*g
torch.zeros(2,0,dtype=torch.bool) torch.zeros(1,0,2)
g g*2 (g*2).sum() g.exp() torch.arange(30.)*g torch.arange(12.)*g torch.arange(13.)*g torch.arange(14.)*g torch.arange(15.)*g
(torch.arange(9.)*g).double() torch.arange(8.).reshape(2,4)*g torch.zeros(2,2,2)*g torch.zeros(1,1,1,1,1,1)
torch.arange(1000) torch.arange(1001) torch.arange(2000.) torch.arange(2000.).reshape(2,1000) torch.arange(2000.).reshape(1000,2)
torch.zeros(3,400,2) torch.zeros(11,100) torch.zeros(7,7,7,7) torch.ones(1001)*g torch.zeros(0,2000) torch.arange(1001,dtype=torch.int32)
torch.arange(-3,3) torch.arange(6).reshape(2,3).T torch.arange(10)[::3] torch.arange(6.).reshape(2,3)[:,1] torch.arange(3).expand(2,3)
torch.eye(3) torch.eye(3,dtype=torch.int32) torch.tensor([[True,False],[False,True]]) torch.tensor([2**62,1]) torch.tensor([-2**63])
torch.full((25,),0.5) torch.full((25,),-0.5) torch.linspace(0,1,7) torch.tensor([[1.,2.],[3.,float('nan')]]) torch.max(torch.tensor([[1.,2.],[4.,3.]]),1)
torch.Size([2,3]) torch.Size([]) torch.Size([4]) torch.float32 torch.int64 torch.bool torch.device('cpu') [torch.ones(2),torch.tensor(1)]
(torch.tensor(1.),) {'a':torch.tensor([1,2])} type(torch.ones(1)) torch.ones(1).type() torch.ones(1).dtype torch.ones(2,3).shape torch.ones(2,3).size()
torch.zeros(2,dtype=torch.int32).type() torch.zeros(2,dtype=torch.bool).type() torch.zeros(2).double().type() torch.zeros(2).long().type()
torch.ones(1).device torch.ones(1).layout f'{torch.tensor(1.5)}' f'{torch.tensor(1.23456):.3f}' f'{torch.tensor(7):5d}' f'{torch.tensor([1.5])}' str(g)
f'{g[0]}' f'{torch.tensor(True)}' '%s'%torch.ones(2) '%.2f'%torch.tensor(1.5) '{!r}'.format(torch.tensor(1.5)) f'{torch.ones(2,2)}'
""".split()

_OPTIONS: list[dict[str, Any]] = [
    {"precision": 2},
    {"precision": 0},
    {"precision": 10},
    {"threshold": 5},
    {"threshold": 5, "edgeitems": 1},
    {"threshold": 5, "edgeitems": 0},
    {"linewidth": 30},
    {"linewidth": 5},
    {"sci_mode": True},
    {"sci_mode": False},
    {"profile": "short"},
    {"profile": "full"},
    {"precision": 3, "sci_mode": True, "linewidth": 40},
]
_WITH_OPTIONS = """
torch.tensor([1.23456789,-2.5]) torch.tensor([1e-7,1.]) torch.arange(7.) torch.arange(12).reshape(3,4)*1000 torch.arange(24.).reshape(2,3,4)/7*g
torch.zeros(0,3) torch.tensor(3.14159) torch.tensor([float('nan'),2.]) torch.tensor([True]*9) torch.linspace(-1,1,50,dtype=torch.float64)
""".split()

CASES: list[tuple[dict[str, Any], str]] = [({}, e) for e in _EXPRESSIONS]
CASES += [(options, e) for options in _OPTIONS for e in _WITH_OPTIONS]


def text(torch: Any, options: dict[str, Any], expression: str) -> str:
    """What print shows, with the options set for the while."""
    g = torch.tensor([1.0], requires_grad=True)
    torch.set_printoptions(profile="default")
    try:
        if options:
            torch.set_printoptions(**options)
        return str(eval(expression, {"torch": torch, "g": g}))
    finally:
        torch.set_printoptions(profile="default")
