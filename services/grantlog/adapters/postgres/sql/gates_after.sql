-- One row without a gate where nothing changed: the sequence is answered in any case.
SELECT h.gate_sequence, g.kind, g.id, g.epoch, g.quarantined_until
FROM head h
LEFT JOIN gate g ON g.sequence > $1
WHERE h.log = 0
ORDER BY g.sequence
