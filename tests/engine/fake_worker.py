"""The real worker with the fake model in it: same cage, same handshake, same threads."""

from engine.cage import forbid_sockets, no_core_dumps

if __name__ == "__main__":
    guarantee = forbid_sockets()
    no_core_dumps()

    import sys
    from pathlib import Path

    sys.path.insert(0, str(Path(__file__).resolve().parent))

    from fake_model import load_fake

    from engine.worker.process import main

    main(guarantee, load_fake)
