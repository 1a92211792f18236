#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Makes the C constants of a style sheet: its bytes without comments and indentation, and a path that
# names them, /style/<first 16 hexadecimal digits of their SHA-256>.css. Needs perl-base and sha256sum
# only. Fails where the sheet would fetch something: the pages' policy forbids it.
#
# Usage: gen-style.pl --output FILE.c STYLE.css
use strict;
use warnings;

die "usage: gen-style.pl --output FILE.c STYLE.css\n" unless @ARGV == 3 && $ARGV[0] eq '--output';
my (undef, $out, $file) = @ARGV;

open(my $in, '<', $file) or die "gen-style.pl: $file: $!\n";
my $sheet = do { local $/; <$in> };
close($in);
die "gen-style.pl: $file: is empty\n" unless defined $sheet && $sheet =~ /\S/;
die "gen-style.pl: $file: has other bytes than ASCII\n" if $sheet =~ /[^\n\t\x20-\x7e]/;
$sheet =~ s{/\*.*?\*/}{}gs;
die "gen-style.pl: $file: a comment is not closed\n" if $sheet =~ m{/\*};
die "gen-style.pl: $file: $&: a sheet fetches nothing\n" if $sheet =~ /url\s*\(|\@import|\@font-face|</i;
$sheet =~ s/^[ \t]+//gm;
$sheet =~ s/[ \t]+$//gm;
$sheet =~ s/\n{2,}/\n/g;
$sheet =~ s/^\n//;

my $plain = "$out.css";
open(my $css, '>', $plain) or die "gen-style.pl: $plain: $!\n";
print $css $sheet;
close($css) or die "gen-style.pl: $plain: $!\n";
open(my $sum, '-|', 'sha256sum', $plain) or die "gen-style.pl: sha256sum: $!\n";
my ($hash) = (<$sum> // '') =~ /^\\?([0-9a-f]{64})\b/;
close($sum) && $hash or die "gen-style.pl: sha256sum failed\n";
unlink($plain);

my @lines = map { my $line = $_; $line =~ s/(["\\])/\\$1/g; $line =~ s/\?\?/?\\?/g; "\t\"$line\\n\"" } split(/\n/, $sheet);
my $temporary = "$out.new";
open(my $c, '>', $temporary) or die "gen-style.pl: $temporary: $!\n";
print $c "/* SPDX-License-Identifier: Apache-2.0 */\n",
	"/* Made by tools/gen-style.pl of pages/style.css: change it there. */\n",
	"#include \"pages/style_table.h\"\n\n",
	"const char hc_page_style[] =\n", join("\n", @lines), ";\n\n",
	"const size_t hc_page_style_len = sizeof(hc_page_style) - 1;\n\n",
	'const char hc_page_style_name[] = "/style/', substr($hash, 0, 16), ".css\";\n";
close($c) or die "gen-style.pl: $temporary: $!\n";
rename($temporary, $out) or die "gen-style.pl: $out: $!\n";
