"""`python -m engine.worker`: the cage first, then everything else."""

from engine.cage import forbid_sockets, no_core_dumps

if __name__ == "__main__":
    _guarantee = forbid_sockets()
    no_core_dumps()

    from engine.worker.process import main

    main(_guarantee)
