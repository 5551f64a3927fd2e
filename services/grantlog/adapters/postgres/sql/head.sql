SELECT
    h.log_id, h.position, h.gate_sequence, greatest(micros(), h.recorded_at) AS recorded_at, h.projection::text AS projection
FROM head h
WHERE h.log = 0
