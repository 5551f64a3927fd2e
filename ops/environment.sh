#!/bin/sh
# Makes the virtual environment that `make` uses: ops/environment.sh <directory>
set -eu

venv=$1

# The newest Python from 3.11 on that works; one that can make a whole environment is preferred to one that cannot.
find_python() {
	for name in python3.14 python3.13 python3.12 python3.11 python3; do
		if "$name" -c "import sys$1; sys.exit(not (3, 11) <= sys.version_info < (3, 15))" >/dev/null 2>&1; then
			"$name" -c 'import sys; print(sys.executable)'
			return
		fi
	done
	return 1
}

if ! "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
	if python=$(find_python ', venv, ensurepip'); then
		echo "== making $venv with $("$python" --version)"
		"$python" -m venv --clear "$venv"
	elif python=$(find_python ', venv, pip'); then
		# Debian ships venv and pip without ensurepip: let the pip outside serve the environment.
		echo "== making $venv with $("$python" --version), pip from outside"
		"$python" -m venv --clear --without-pip "$venv"
		"$python" -m pip --python "$venv/bin/python" install --quiet --disable-pip-version-check pip
	elif python=$(find_python ''); then
		echo "$("$python" --version) has neither ensurepip nor pip: install them (Debian, Ubuntu: apt-get install python3-venv)" >&2
		exit 1
	else
		echo "no Python from 3.11 to 3.14 found: install one (Debian, Ubuntu: apt-get install python3 python3-venv)" >&2
		exit 1
	fi
fi

quiet=
if [ -e "$venv/.installed" ]; then
	quiet=--quiet
	echo "== bringing $venv up to requirements.lock"
else
	echo "== installing what requirements.lock names (about a minute)"
fi
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1 PIP_ROOT_USER_ACTION=ignore
"$venv/bin/python" -m pip install $quiet --progress-bar off --prefer-binary --no-deps --require-hashes -r requirements.lock
"$venv/bin/python" -m pip install --quiet --no-deps --no-build-isolation -e .
"$venv/bin/python" -m pip check >/dev/null || { "$venv/bin/python" -m pip check; exit 1; }
