# What README.md and docs/ name has to be there: pages and headings that are
# linked, tests and other files, functions with their arguments, settings; and
# the map of the sources in docs/developer.md has to have each file once.

use strict;
use warnings;

use File::Basename qw(basename dirname);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my %page = map { $_ => slurp_file($_) } 'README.md', 'CHANGELOG.md', glob('docs/*.md');

# Headings as the anchors that links name.
my %anchor;
foreach my $file (keys %page)
{
	foreach my $heading ($page{$file} =~ /^#+ (.*)$/mg)
	{
		(my $name = lc $heading) =~ s/[^\w\- ]//g;
		$name =~ tr/ /-/;
		$anchor{$file}{$name} = 1;
	}
}

my @missing;
foreach my $file (sort keys %page)
{
	foreach my $link ($page{$file} =~ /\]\(([^)]+)\)/g)
	{
		next if $link =~ /^https?:/;
		my ($target, $heading) = split /#/, $link;
		$target = $target eq '' ? $file : dirname($file) . "/$target";
		$target =~ s{^\./}{};
		$target =~ s{docs/\.\./}{};
		push @missing, "$file: $link"
		  if !-e $target || defined $heading && !$anchor{$target}{$heading};
	}
}
is("@missing", '', 'pages and headings that are linked');

@missing = ();
foreach my $file (sort keys %page)
{
	foreach my $path ($page{$file} =~ m{`(?:TAP )?((?:src|sql|test|docs|demo|t|isolation|pgtap)/[\w./]+)}g)
	{
		next if $path =~ m{^(?:src|sql)/X\.|^sql/upgrade/};
		(my $spec = $path) =~ s{^isolation/}{test/isolation/specs/};
		push @missing, "$file: $path"
		  unless grep { -e } $path, "test/$path", "test/$path.pl", "test/$path.sql", "$spec.spec";
	}
}
is("@missing", '', 'files and tests that are named');

# Tables of promises have the tests in their last column, some with the number
# of the part that is meant.
@missing = ();
foreach my $file (sort keys %page)
{
	my $in_table = 0;
	foreach my $line (split /\n/, $page{$file})
	{
		my $last = ($line =~ /^\|.*\|\s*([^|]*?)\s*\|$/)[0];
		$in_table = $last =~ /^tests?$/ || $in_table if defined $last;
		$in_table = 0 unless defined $last;
		next unless $in_table;
		while ($last =~ /`([a-z_0-9]+)`((?: \d+)?(?:(?:,| and| to) \d+)*)/g)
		{
			my ($test, $parts) = ($1, $2);
			my ($script) = grep { -e } "test/sql/$test.sql", "test/pgtap/$test.sql", "test/t/$test.pl";
			push @missing, "$file: $test" unless $script;
			push @missing, map { "$file: $test $_" }
			  grep { $script && slurp_file($script) !~ /^-- $_\. /m } $parts =~ /\d+/g;
		}
	}
}
is("@missing", '', 'tests of promises');

# A row of the map: subject, parts in sql, files in src; "but" takes out.
my @map = grep { /^\|/ } split /\n/, $page{'docs/developer.md'} =~ /^\| subject .*?\n\n/ms ? $& : '';
foreach my $of ([ 2, 'sql', 'sql' ], [ 3, 'src', 'c' ])
{
	my ($cell, $directory, $suffix) = @$of;
	my @wrong;
	foreach my $name (map { basename($_, ".$suffix") } glob("$directory/*.$suffix"))
	{
		my $times = 0;
		foreach my $row (@map)
		{
			foreach my $part (split /;/, (split /\|/, $row)[$cell])
			{
				my ($in, $out) = split / but /, $part;
				my ($takes, $leaves) = map {
					scalar grep {
						(my $pattern = $_) =~ s/\*/.*/;
						$name =~ /^$pattern$/
					} ($_ // '') =~ /`([^`]+)`/g
				} $in, $out;
				$times++ if $takes && !$leaves;
			}
		}
		push @wrong, "$name ($times)" if $times != 1;
	}
	is("@wrong", '', "files in $directory that docs/developer.md has not once");
}

my $node = PostgreSQL::Test::Cluster->new('documentation');
$node->init;
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'caredata'");
$node->start;
$node->safe_psql('postgres',
	'CREATE EXTENSION caredata; SELECT caredata.create_care_database();');

sub names
{
	return map { $_ => 1 } split /\n/, $node->safe_psql('postgres', shift);
}

my %function = names('SELECT proname FROM pg_proc');
my %argument = names(q{SELECT proname || ' ' || unnest(proargnames[1:pronargs]) FROM pg_proc
	WHERE pronamespace = 'caredata'::regnamespace});
my %type = names(q{SELECT unnest(ARRAY[format_type(oid, NULL), typname]) FROM pg_type WHERE typtype = 'b'});
my %setting = names(q{SELECT name FROM pg_settings WHERE name LIKE 'caredata.%'});
my %other = names(q{SELECT relname FROM pg_class UNION SELECT typname FROM pg_type});
my %ours = names(q{SELECT proname FROM pg_proc WHERE pronamespace = 'caredata'::regnamespace});

@missing = ();
foreach my $file (sort keys %page)
{
	my $text = $page{$file};
	push @missing, map { "$file: $_" } grep { !$function{$_} && $_ ne 'log2' } $text =~ /`(?:caredata\.)?([a-z_0-9]+)\(/g;
	push @missing, map { "$file: caredata.$_" } grep { !$function{$_} } $text =~ /\bcaredata\.([a-z_0-9]+)\(/g;
	push @missing, map { "$file: caredata.$_" }
	  grep { !$function{$_} && !$other{$_} && !$setting{"caredata.$_"} && !/^(?:control|key)$/ }
	  $text =~ /\bcaredata\.([a-z_0-9]+)\b(?![.(])/g;

	# a table of functions has their arguments by name, or by type
	foreach my $cell ($text =~ /^\| (`[^|]*`) \|/mg)
	{
		while ($cell =~ /`([a-z_0-9]+)\(([a-z_0-9, ]*)\)/g)
		{
			my ($name, $arguments) = ($1, $2);
			next unless $ours{$name};
			push @missing, map { "$file: $name($_)" }
			  grep { !$argument{"$name $_"} && !$type{ (split / /)[-1] } } split /, /, $arguments;
		}
	}
}
is(join("\n", @missing), '', 'functions, tables, types and settings that are named');

my $all = join '', values %page;
is(join(' ', grep { $all !~ /\b\Q$_\E\b/ } sort keys %setting), '', 'settings that no page names');

$node->stop;
done_testing();
