SELECT c.kind, c.streams, c.events FROM stream_count c
