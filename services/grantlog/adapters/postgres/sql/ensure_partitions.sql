SELECT * FROM ensure_partitions_v1()
