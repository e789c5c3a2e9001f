#!/usr/bin/perl
#
# The sets of make quality.  Called by test/quality/run with the private
# directory, the directory of the data and the names of sets; the server is
# found by PGHOST.
#
# A set is an SQL file beside this one.  It reads its files and leaves
# left_side and, if two tables are linked, right_side, both with record_id;
# truth_left and truth_right (record_id, true_person_id); and one linkage
# model, a draft.  Everything after that is the same for all sets: the model
# is trained, links are made, and clusters of them.  Truth is looked at only
# when all that is done.

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename;
use IPC::Open2;
use JSON::PP;
use Time::HiRes qw(time);

my ($work, $data, @wanted) = @ARGV;
my $here = dirname(abs_path($0));
my $json = JSON::PP->new->canonical;
my @table;

# Files that a set reads, and its bars.  "f1" is the best F1 of any threshold
# where "best" is true, and else the F1 at the default threshold.
my @sets = (
	{ name => 'febrl4', files => [qw(febrl/dataset4a.csv febrl/dataset4b.csv)], best => 1,
	  bars => { best_f1 => 0.9997, links_at_99 => 4960, false_links_at_99 => 0 } },
	{ name => 'fake_1000', files => [qw(splink/fake_1000.csv)], best => 1, bars => { best_f1 => 0.88 } },
	{ name => 'historical_50k', files => [qw(splink/historical_50k.csv.gz)], best => 1,
	  bars => { best_f1 => 0.80, cluster_f1 => 0.85 } },
	{ name => 'uk_open', files => [ map { "uk_open/$_.csv" } qw(gp hosp truth_gp truth_hosp) ],
	  bars => { precision => 0.9990, recall => 0.9990 } },
	{ name => 'uk_open_no_nhs', files => [ map { "uk_open/$_.csv" } qw(gp hosp truth_gp truth_hosp) ],
	  bars => { precision => 0.993, recall => 0.991 } },
	{ name => 'febrl1', files => [qw(febrl/dataset1.csv)], bars => { f1 => 0.99 } },
	{ name => 'rldata500', files => [qw(rldata/RLdata500.csv)], bars => { f1 => 0.95 } },
	{ name => 'anonlink', files => [qw(anonlink/dataset-1.csv anonlink/dataset-2.csv)],
	  bars => { precision => 0.99, recall => 0.92 } });

for my $name (@wanted)
{
	die "no set \"$name\"\n" unless grep { $_->{name} eq $name } @sets;
}
open(my $jsonl, '>', "$work/quality.jsonl") or die "quality.jsonl: $!";
$| = 1;
for my $set (@sets)
{
	next if @wanted && !grep { $_ eq $set->{name} } @wanted;
	measure($set);
}
exit(print_table() ? 0 : 1);

sub measure
{
	my ($set) = @_;
	my ($missing) = grep { !-e "$data/$_" } @{ $set->{files} };

	if (defined $missing)
	{
		print "== $set->{name}: no $missing, left out\n";
		return;
	}
	my $setup = Session->new('postgres');
	$setup->run("CREATE DATABASE quality_$set->{name}");
	$setup->close;
	my $s = Session->new("quality_$set->{name}");
	$s->run("SET client_min_messages = warning;\nCREATE EXTENSION caredata;\n"
		. "\\cd $data\n\\set quality $here\n\\i $here/$set->{name}.sql");
	my $two = $s->run("SELECT to_regclass('right_side') IS NOT NULL") eq 't';
	my $right = $two ? "'right_side'" : 'NULL';
	my $model = $s->run('SELECT max(model_id) FROM caredata.link_model');

	my $started = time;
	my @warnings = $s->run("SELECT caredata.train_link_model($model, 'left_side', $right)");
	my $trained = time;
	$s->run("CREATE TABLE links AS SELECT * FROM caredata.link($model, 'left_side', $right, 0.001)");
	my $linked = time;
	my $threshold = $s->run(
		"SELECT minimum_probability FROM caredata.link_model WHERE model_id = $model");
	$s->run(<<SQL) unless $two;
CREATE TABLE cluster AS
	SELECT record_id, cluster_id FROM caredata.cluster_links('links', $threshold, score => 'probability');
SQL
	my $ended = time;
	print "   $_\n" for grep { /WARNING/ } @warnings;

	my $truth = "'truth_left'" . ($two ? ", 'truth_right'" : '');
	my %at;
	for ($s->run(<<SQL))
SELECT part, value, links_made, false_links, "precision", recall, f1
FROM caredata.link_quality('links', $truth, thresholds => ARRAY[$threshold, 0.99])
WHERE part IN ('threshold', 'best threshold')
SQL
	{
		my ($part, $value, @figures) = split /\|/;
		my $key = $part eq 'best threshold' ? 'best' : $value == 0.99 ? '99' : 'default';

		$at{$key} = { value => $value };
		@{ $at{$key} }{qw(links false precision recall f1)} = @figures;
	}
	my %row = (
		data => $set->{name},
		threshold => $threshold,
		precision => $at{default}{precision},
		recall => $at{default}{recall},
		f1 => $set->{best} ? $at{best}{f1} : $at{default}{f1},
		f1_at_threshold => $at{default}{f1},
		best_f1 => $at{best}{f1},
		best_threshold => $at{best}{value},
		links_at_99 => $at{99}{links},
		false_links_at_99 => $at{99}{false},
		cluster_f1 => $two ? undef
		: $s->run("SELECT f1 FROM caredata.cluster_quality('cluster', 'truth_left')"),
		seconds_training => $trained - $started,
		seconds_linking => $linked - $trained,
		seconds => $ended - $started);
	$_ = defined $_ && $_ ne '' && /^[0-9]/ ? 0 + $_ : $_ for @row{ grep { $_ ne 'data' } keys %row };
	$row{$_} = 0 + sprintf('%.2f', $row{$_}) for grep { /^seconds/ } keys %row;
	$row{bars} = { map { $_ => $set->{bars}{$_} + 0 } keys %{ $set->{bars} } };
	$row{met} = JSON::PP::true;
	for my $bar (keys %{ $set->{bars} })
	{
		my $figure = $row{$bar};

		$row{met} = JSON::PP::false
		  if !defined $figure
		  || ($bar =~ /^false/ ? $figure > $set->{bars}{$bar} : $figure < $set->{bars}{$bar});
	}
	print $jsonl $json->encode(\%row), "\n";
	$jsonl->flush;
	push @table, \%row;
	printf "== %-16s %s\n", $set->{name}, figures(\%row);
	$s->close;
}

sub figures
{
	my ($row) = @_;

	return sprintf 'P %.5f R %.5f F1 %.5f at %.3f; best F1 %.5f; clusters %s; at .99 %d links, %d false; %.1f s',
	  @$row{qw(precision recall f1_at_threshold threshold best_f1)},
	  defined $row->{cluster_f1} ? sprintf('%.5f', $row->{cluster_f1}) : '-',
	  @$row{qw(links_at_99 false_links_at_99 seconds)};
}

# True if every bar was reached.
sub print_table
{
	my @columns = qw(data threshold precision recall f1_at_threshold best_f1 cluster_f1 links_at_99
	  false_links_at_99 seconds);

	printf "\n%-16s %9s %9s %9s %9s %9s %9s %8s %8s %8s  %s\n", 'set', 'threshold', 'precision',
	  'recall', 'F1', 'best F1', 'clusters', 'p>=.99', 'false', 'seconds', 'bars';
	for my $row (@table)
	{
		printf "%-16s %9.4f %9.5f %9.5f %9.5f %9.5f %9s %8d %8d %8.1f  %s\n", @$row{qw(data threshold
			  precision recall f1_at_threshold best_f1)},
		  defined $row->{cluster_f1} ? sprintf('%.5f', $row->{cluster_f1}) : '-',
		  @$row{qw(links_at_99 false_links_at_99 seconds)},
		  join(', ', map { ($_ =~ /^false/ ? "$_ <= " : "$_ >= ") . $row->{bars}{$_} }
			  sort keys %{ $row->{bars} }) . ($row->{met} ? ': reached' : ': MISSED');
	}
	return !grep { !$_->{met} } @table;
}

package Session;

# A psql that stays open.
sub new
{
	my ($class, $database) = @_;
	local $ENV{PGDATABASE} = $database;
	my $pid = IPC::Open2::open2(my $from, my $to,
		'exec psql -X -q -A -t -v ON_ERROR_STOP=1 2>&1');

	return bless { pid => $pid, from => $from, to => $to, name => $database }, $class;
}

# Run SQL; the lines of the answer, or the answer as one string.  psql ends at
# an error, and so does the measuring.
sub run
{
	my ($self, $sql) = @_;
	my $from = $self->{from};
	my @lines;

	$sql =~ s/;?\s*$/;/ unless $sql =~ /\n\\[^\n]*$/;
	print { $self->{to} } "$sql\n\\echo -- done --\n";
	$self->{to}->flush;
	while (my $line = <$from>)
	{
		chomp $line;
		return wantarray ? @lines : join("\n", @lines) if $line eq '-- done --';
		push @lines, $line;
	}
	die "$self->{name}: " . join("\n", @lines) . "\nin: " . substr($sql, 0, 800) . "\n";
}

sub close
{
	my ($self) = @_;

	print { $self->{to} } "\\q\n";
	CORE::close($self->{to});
	waitpid($self->{pid}, 0);
}
