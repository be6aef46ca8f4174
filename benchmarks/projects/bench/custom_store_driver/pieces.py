"""What sinks that write piece by piece have in common."""


def push_pieces(sink, config, entity, pieces):
    """Writes all pieces with the sink's `write`, then says with its `finish` that all is there."""
    for piece in pieces:
        sink.write(config, entity, piece)
    sink.finish(config, entity)
    return True
