#!/bin/sh
# Makes what the last stage of the Containerfile copies: the base without what a gateway never runs,
# with the user that it runs as, and with the bytecode that cannot be written later.
set -eu

library=$(python3 -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')

# What installs packages: in a running gateway only an intruder would.
rm -rf "$library/ensurepip" "$library/site-packages" /usr/share/python-wheels \
  /usr/local/bin/pip* /usr/bin/pip* /usr/lib/python3/dist-packages/pip* \
  /usr/lib/python3/dist-packages/setuptools* "$library/idlelib" "$library/lib2to3" "$library/tkinter" \
  "$library/turtledemo" "$library/test"
rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/cache/debconf/* /var/log/* /strip.sh

# The hash of a source decides, not its time, and it is not looked at again: the image is read-only,
# and the same sources give the same bytes.
find /opt/sluicegate "$library" -name __pycache__ -prune -exec rm -rf {} +
python3 -m compileall -q -j 0 --invalidation-mode unchecked-hash /opt/sluicegate/lib "$library"

grep -q '^sluicegate:' /etc/group || echo 'sluicegate:x:10001:' >>/etc/group
grep -q '^sluicegate:' /etc/passwd ||
  echo 'sluicegate:x:10001:10001::/var/lib/sluicegate:/usr/sbin/nologin' >>/etc/passwd
install -d -o 10001 -g 10001 -m 0700 /var/lib/sluicegate
install -d -m 0755 /etc/sluicegate

# Nobody becomes somebody else here, and only /tmp is everybody's.
find / -xdev -type f -perm /6000 -exec chmod ug-s {} +
find / -xdev -type d -perm -0002 ! -path /tmp -exec chmod o-w {} +
chmod 1777 /tmp
