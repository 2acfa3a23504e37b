"""``%load_ext hinoko``: from then on ``import torch`` gives hinoko in this session."""

from hinoko._alias import install_as_torch, uninstall_as_torch


def load_ipython_extension(shell: object) -> None:
    install_as_torch()


def unload_ipython_extension(shell: object) -> None:
    uninstall_as_torch()
