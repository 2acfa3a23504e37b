"""Large tensors: the cache of blocks, threads, instruction sets, gradients that are added in place."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from lib import torch

LARGE = 1_000_003  # elements: above every grain, and of no round size
CAPABILITIES = {"default": "DEFAULT", "avx2": "AVX2", "avx512": "AVX512"}
SANITIZED = "ASAN_OPTIONS" in os.environ

pytestmark = pytest.mark.hinoko_only


def run(code: str, **environment: str) -> str:
    """What a fresh interpreter prints."""
    done = subprocess.run(
        [sys.executable, "-c", "import hinoko as torch\n" + code],
        check=False,
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, **environment},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture
def threads() -> Iterator[Callable[[int], None]]:
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


def bits(t: Any) -> bytes:
    return bytes(t.detach().numpy().tobytes())


# ---- threads ----


def composite(x: Any) -> Any:
    return torch.sin(x) * torch.exp(-x * x) + x**2


CASES: dict[str, Callable[[Any], Any]] = {
    "composite": composite,
    "transposed": lambda x: composite(x[:1_000_000].view(1000, 1000).t()),
    "broadcast": lambda x: x[:1_000_000].view(1000, 1000) * x[:1000] + x[:1000].view(1000, 1),
    "strided": lambda x: composite(x[::3]),
    "cast": lambda x: x.double() * 3,
    "compare": lambda x: torch.where(x > 0, x, -x),
    "sum": lambda x: x.sum(),
    "sum along": lambda x: x[:1_000_000].view(100, 100, 100).sum(1),
    "mean": lambda x: x.mean(),
    "max": lambda x: x[:1_000_000].view(100, 100, 100).max(0).values,
    "matmul": lambda x: x[:60_000].view(200, 300) @ x[:90_000].view(300, 300),
}


@pytest.mark.parametrize("name", CASES)
def test_results_do_not_depend_on_threads(name: str, threads: Callable[[int], None]) -> None:
    torch.manual_seed(3)
    x = torch.randn(LARGE, requires_grad=True)
    expected = None
    for count in (1, 2, 3, 7):
        threads(count)
        x.grad = None
        y = CASES[name](x)
        y.sum().backward()
        found = bits(y), bits(x.grad)
        expected = expected or found
        assert found == expected, count


def test_threads_of_the_program_share_the_team(threads: Callable[[int], None]) -> None:
    threads(2)
    x = torch.linspace(-3, 3, LARGE)
    expected = bits(composite(x))
    wrong: list[int] = []

    def work() -> None:
        for i in range(10):
            if bits(composite(x)) != expected:
                wrong.append(i)

    workers = [threading.Thread(target=work) for _ in range(4)]
    for w in workers:
        w.start()
    for w in workers:
        w.join()
    assert not wrong


def test_number_of_threads_at_first() -> None:
    assert run("print(torch.get_num_threads())", OMP_NUM_THREADS="3") == "3"
    assert int(run("print(torch.get_num_threads())", OMP_NUM_THREADS="")) >= 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_child_of_a_fork_has_its_own_threads() -> None:
    # The parent has used its threads, and its cache; the child does, too, and comes to the same result.
    code = """
import os, sys, warnings
warnings.simplefilter("ignore")
torch.set_num_threads(2)
def work():
    x = torch.linspace(-3, 3, 2_000_000, requires_grad=True)
    (torch.sin(x) * torch.exp(-x * x)).sum().backward()
    return x.grad.sum().item()
expected = work()
child = os.fork()
if child == 0:
    ok = all(work() == expected for _ in range(3)) and torch.memory_stats()["cached_bytes"] >= 0
    os._exit(0 if ok else 1)
_, status = os.waitpid(child, 0)
assert work() == expected
print(os.waitstatus_to_exitcode(status))
"""
    assert run(code) == "0"


# ---- memory ----


@pytest.mark.skipif(SANITIZED, reason="the cache is off under a sanitizer")
def test_blocks_are_used_again() -> None:
    torch.empty_cache()
    x = torch.ones(LARGE)
    before = torch.memory_stats()
    for _ in range(10):
        y = x + x
        del y
    after = torch.memory_stats()
    assert after["allocations"] - before["allocations"] == 10
    assert after["reused"] - before["reused"] >= 9
    assert after["live_bytes"] == before["live_bytes"]
    assert after["cached_bytes"] >= 4 * LARGE
    torch.empty_cache()
    assert torch.memory_stats()["cached_bytes"] == 0


@pytest.mark.skipif(SANITIZED, reason="the cache is off under a sanitizer")
def test_the_cache_keeps_the_footprint_below_the_peak() -> None:
    torch.empty_cache()
    start = torch.memory_stats()["live_bytes"]
    highest = 0
    for k in range(1, 60):  # every size is another one, so that nothing fits
        t = torch.ones(100_000 * (k * 37 % 59 + 1))
        stats = torch.memory_stats()
        highest = max(highest, stats["live_bytes"])
        # Blocks are whole pages.
        assert stats["live_bytes"] + stats["cached_bytes"] <= stats["peak_bytes"] + 64 * 8192
        assert stats["peak_bytes"] >= highest
        del t
    assert torch.memory_stats()["live_bytes"] == start


@pytest.mark.skipif(SANITIZED, reason="the cache is off under a sanitizer")
def test_an_idle_cache_is_given_back() -> None:
    t = torch.ones(LARGE)
    del t
    assert torch.memory_stats()["cached_bytes"] > 0
    for _ in range(80):
        time.sleep(0.1)
        if torch.memory_stats()["cached_bytes"] < 8 << 20:
            break
    assert torch.memory_stats()["cached_bytes"] < 8 << 20


def test_blocks_of_all_sizes_hold_what_is_written() -> None:
    torch.manual_seed(0)
    held: list[tuple[Any, float]] = []
    for step in range(400):
        n = int(2 ** (step % 20)) + step * 7
        held.append((torch.full((n,), float(step)), float(step)))
        if len(held) > 24:
            t, value = held.pop((step * 13) % len(held))
            assert (t != value).sum() == 0
    for t, value in held:
        assert (t != value).sum() == 0
        assert t.data_ptr() % 8 == 0


def test_large_blocks_do_not_leak() -> None:
    gc.collect()
    before = torch.memory_stats()["live_bytes"]
    x = torch.randn(200_000, requires_grad=True)
    for _ in range(5):
        composite(x).sum().backward()
    view = x.detach()[1000:]
    del x
    assert torch.memory_stats()["live_bytes"] == before + 800_000
    del view
    assert torch.memory_stats()["live_bytes"] == before


# ---- instruction sets ----


def test_capability_is_known() -> None:
    assert torch.backends.cpu.get_cpu_capability() in CAPABILITIES.values()


def available() -> list[str]:
    names = list(CAPABILITIES)
    best = run("print(torch.backends.cpu.get_cpu_capability())", HINOKO_CPU_CAPABILITY="")
    return names[: list(CAPABILITIES.values()).index(best) + 1]


def test_capability_can_be_lowered() -> None:
    code = "print(torch.backends.cpu.get_cpu_capability())"
    for name in available():
        assert run(code, HINOKO_CPU_CAPABILITY=name) == CAPABILITIES[name]
    best = CAPABILITIES[available()[-1]]
    assert run(code, HINOKO_CPU_CAPABILITY="avx512") == best  # what the machine lacks is not taken


def test_unknown_capability_is_refused() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import hinoko"],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "HINOKO_CPU_CAPABILITY": "sse9"},
    )
    assert done.returncode == 1
    assert 'HINOKO_CPU_CAPABILITY is "sse9"' in done.stderr


DIGEST = """
import hashlib, sys
def digest(t): return hashlib.sha256(t.detach().numpy().tobytes()).hexdigest()[:16]
torch.manual_seed(1)
x = torch.randn(100_003)
wide = torch.cat([x, x * 1e-40, x * 1e30, x * 1e5])
a, b = x[:30_000].view(150, 200).clone(), x[:20_000].view(200, 100).clone()
for name in "+ exp log sin cos tan tanh sigmoid sqrt rsqrt sum max matmul pow".split():
    if name == "+": y = wide + wide[:1]
    elif name == "sum": y = torch.stack([x.sum(), x[:100_000].view(100, 1000).sum(0).sum()])
    elif name == "max": y = x.max()
    elif name == "matmul": y = a @ b
    elif name == "pow": y = wide.abs() ** 1.7
    else: y = getattr(torch, name)(wide)
    print(name, digest(y))
"""


def test_avx2_and_avx512_give_the_same_bits() -> None:
    if "avx512" not in available():
        pytest.skip("this machine has no AVX-512")
    assert run(DIGEST, HINOKO_CPU_CAPABILITY="avx2") == run(DIGEST, HINOKO_CPU_CAPABILITY="avx512")


# ---- gradients that are added in place ----


@pytest.mark.parametrize("size", [1, 63, 64, 1024, 1025, 5000, 100_001])
def test_gradients_added_in_place(size: int) -> None:
    # The same sums as those of separate gradients, in the order in which the engine meets them.
    torch.manual_seed(size)
    x = torch.randn(size, requires_grad=True)
    w = torch.rand(size)
    y = torch.sin(x) * w + torch.exp(x) * w + x**3 - x * torch.cos(x)
    y.backward(w)
    v, u = x.detach().double().numpy(), w.double().numpy()
    expected = u * (np.cos(v) * u + np.exp(v) * u + 3 * v**2 - np.cos(v) + v * np.sin(v))
    np.testing.assert_allclose(x.grad.numpy(), expected, rtol=2e-6, atol=2e-6)


def test_a_gradient_that_others_see_is_not_added_to() -> None:
    x = torch.randn(1000, requires_grad=True)
    seen = []
    y = x * 1
    y.register_hook(lambda g: seen.append(g))
    z = y.sin() + y.exp()
    z.backward(torch.ones(1000))
    assert len(seen) == 1
    np.testing.assert_array_equal(seen[0].numpy(), x.grad.numpy())

    # A gradient that was given in stays as it is.
    given = torch.ones(1000)
    x.grad = None
    (x + x.sin() * 2).backward(given)
    assert (given != 1).sum() == 0


def test_accumulating_twice_adds_to_the_same_buffer() -> None:
    x = torch.randn(5000, requires_grad=True)
    composite(x).sum().backward()
    once, held = x.grad.clone(), x.grad
    composite(x).sum().backward()
    assert x.grad is held
    np.testing.assert_array_equal(held.numpy(), (once + once).numpy())


def test_broadcast_gradients_keep_their_shape() -> None:
    x = torch.randn(70, 90, requires_grad=True)
    b = torch.randn(90, requires_grad=True)
    ((x * b).sin() + (x * b).exp() + x).sum().backward()
    p = x.detach().double().numpy() * b.detach().double().numpy()
    outer = np.cos(p) + np.exp(p)
    np.testing.assert_allclose(x.grad.numpy(), outer * b.detach().double().numpy() + 1, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(
        b.grad.numpy(), (outer * x.detach().double().numpy()).sum(0), rtol=1e-4, atol=1e-4
    )


def test_non_contiguous_gradients_are_added() -> None:
    x = torch.randn(80, 60, requires_grad=True)
    (x.t().sin().t() * x + x.t().contiguous().exp().t()).sum().backward()
    v = x.detach().double().numpy()
    np.testing.assert_allclose(x.grad.numpy(), np.cos(v) * v + np.sin(v) + np.exp(v), rtol=1e-5, atol=1e-6)
