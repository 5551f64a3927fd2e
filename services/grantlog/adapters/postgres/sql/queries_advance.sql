UPDATE cursor SET position = greatest(position, $1) WHERE name = 'queries'
