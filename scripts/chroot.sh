# Shared by the scripts that keep a peer in a Debian chroot of its own; sourced, not run.
# shellcheck shell=bash

# cache prints the folder that holds the chroots, outside of any checkout.
cache() {
	echo "${XDG_CACHE_HOME:-$HOME/.cache}/housephone"
}

# need_root fails unless chroot(2) and mount(2) are allowed.
need_root() {
	if [ "$(id -u)" -ne 0 ]; then
		echo "$0: needs root (chroot, debootstrap)" >&2
		exit 1
	fi
}

# mirror prints the Debian mirror that this machine's apt uses.
mirror() {
	local found
	# shellcheck disable=SC2016 # a format of apt's own
	found=$(apt-get indextargets --format '$(REPO_URI)' 'Origin: Debian' 'Label: Debian' 2>/dev/null | head -n 1 || true)
	echo "${found:-http://deb.debian.org/debian}"
}

# make_chroot SUITE DIR PACKAGES installs a small Debian into DIR, with the machine's own certificates and name servers.
make_chroot() {
	local suite=$1 dir=$2 packages=$3
	debootstrap --variant=minbase --include="$packages" "$suite" "$dir" "$(mirror)"
	cp -L /etc/resolv.conf /etc/hosts "$dir/etc/"
	mkdir -p "$dir/etc/ssl/certs"
	cp -L /etc/ssl/certs/ca-certificates.crt "$dir/etc/ssl/certs/ca-certificates.crt"
	rm -rf "$dir"/var/cache/apt/archives/*.deb "$dir"/var/lib/apt/lists/*
}

# enter DIR COMMAND... replaces this process by COMMAND inside DIR. /proc and /dev are mounted in a private
# namespace, so that nothing stays mounted when the process ends, however it ends.
enter() {
	local dir=$1
	shift
	# shellcheck disable=SC2016 # expanded by the inner shell
	exec unshare --mount --propagation private bash -c '
		set -euo pipefail
		dir=$1; shift
		mount -t proc proc "$dir/proc"
		mount --rbind /dev "$dir/dev"
		exec chroot "$dir" "$@"
	' enter "$dir" "$@"
}
