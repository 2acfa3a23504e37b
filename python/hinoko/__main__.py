"""``python -m hinoko script.py``: see :mod:`hinoko._run`."""

from hinoko._run import main

if __name__ == "__main__":
    main()
