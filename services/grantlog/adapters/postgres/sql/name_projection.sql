SELECT
    h.log_id, h.position, h.gate_sequence, greatest(micros(), h.recorded_at) AS recorded_at, h.projection::text AS projection
FROM name_projection_v1($1::text::jsonb, $2, $3) h
