#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Every source file is as clang-format 14 writes it with .clang-format; other
# versions lay out a few lines otherwise. Not what flex and bison write. To mend:
# clang-format -i FILE.
top=${top_srcdir:-.}
echo 1..1
case $(clang-format --version 2> /dev/null) in
*" 14."*) ;;
*) echo "ok 1 - format # SKIP needs clang-format 14 (see scripts/deps)"; exit 0 ;;
esac
said=$(cd "$top" && find conntrackd include src tests -name '*.[ch]' ! -name lexer.c ! -name 'parser.[ch]' \
	-exec clang-format --dry-run -Werror {} + 2>&1)
case $?,$said in
0,) echo "ok 1 - format" ;;
*)
	echo "$said" | grep error: | head -n 10 | sed 's/^/# /'
	echo "not ok 1 - format"
	exit 1 ;;
esac
