SELECT n.stream FROM name_claim n WHERE n.kind = $1 AND n.value = $2
