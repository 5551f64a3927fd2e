SELECT h.log_id FROM recover_v1($1) h
