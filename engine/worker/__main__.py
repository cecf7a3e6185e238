"""`python -m engine.worker`: the cage first, then everything else."""

from collections.abc import Sequence

from engine.cage import forbid_sockets, no_core_dumps


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve the application until it ends; `arguments` are those of the command line unless given."""
    guarantee = forbid_sockets()
    no_core_dumps()

    from engine.worker import process

    process.main(guarantee, arguments=arguments)


if __name__ == "__main__":
    main()
