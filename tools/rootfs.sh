#!/bin/bash
# Makes an i386 Debian tree from apt alone: packages are unpacked, no maintainer script runs, so it works on any host.
# usage: tools/rootfs.sh DIR     Does nothing when DIR is complete for today's package list.
set -euo pipefail
dir=${1:?usage: tools/rootfs.sh DIR}
packages="base-files,base-passwd,busybox-static,bash,dash,coreutils,grep,sed,gawk,findutils,tar,gzip,xz-utils,bzip2,perl,python3,sqlite3,bc,procps,file,diffutils,less,time,util-linux,lua5.4,openssl,p7zip-full,libc-bin,libstdc++6,netbase,tzdata"
stamp=$dir/.ferry-packages
if [ "$(cat "$stamp" 2>/dev/null)" = "$packages" ]; then exit 0; fi

# The host's own apt configuration says where packages come from: of its Debian package lists, the first's site.
read -r mirror suite < <(apt-get indextargets --format '$(REPO_URI) $(CODENAME) $(ORIGIN)' 'Created-By: Packages' |
  awk '$3 == "Debian" && $2 !~ /-/ && !seen { print $1, $2; seen = 1 }') || true
if [ -z "${mirror:-}" ]; then
  echo "rootfs: apt knows no Debian package list; run 'apt-get update' with a Debian mirror configured" >&2; exit 1
fi
echo "rootfs: unpacking i386 packages into $dir (about 150 MB, once)"
rm -rf "$dir" "$dir.new"
mkdir -p "$(dirname "$dir")"
log=$dir.log
if ! mmdebstrap --arch=i386 --variant=extract --mode="$([ "$(id -u)" = 0 ] && echo root || echo unshare)" --skip=check/qemu,check/empty \
    --components=main --include="$packages" --aptopt='Acquire::Languages "none"' --aptopt='Apt::Install-Recommends "false"' \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
    "$suite" "$dir.new" "$mirror" >"$log" 2>&1; then
  tail -5 "$log" >&2
  echo "rootfs: could not fetch the i386 packages; check the network and 'apt-get update', then run make again" >&2
  exit 1
fi
# What maintainer scripts would have set up and programs need.
mkdir -p "$dir.new"/{proc,sys,dev,tmp,root,run}
chmod 1777 "$dir.new/tmp"
for f in passwd group; do cp "$dir.new/usr/share/base-passwd/$f.master" "$dir.new/etc/$f"; done
mv "$dir.new" "$dir"
echo "$packages" >"$stamp"
