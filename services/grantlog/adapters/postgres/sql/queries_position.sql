-- Locks the cursor of the query tables, so that two writers count nothing twice.
INSERT INTO cursor AS c (name, position, fence) VALUES ('queries', 0, 0)
ON CONFLICT (name) DO UPDATE SET position = c.position
RETURNING c.position
