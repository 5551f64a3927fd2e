SELECT * FROM drop_expired_v1()
