SELECT c.position FROM cursor c WHERE c.name = $1
