//! `loadgen advice`: which rules of tuning there are, what would test each, and whether it holds here.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use anyhow::{Context, bail};
use clap::Parser;
use record::{
    Folder,
    advice::{AdviceMode, AdviceRecord, read_advice},
};

use super::{print, report};
use crate::{
    advice::{
        self, Advice,
        bind::{self, Bound, How},
        kept, list, show,
        test::{self, Test},
        written::Class,
    },
    cli::{AdviceCommand, AdviceTestArgs, Cli, Command},
    end::End,
    experiment::text,
    ground::discard,
    interrupt::{Interrupt, Interrupted},
    metrics_server::{Listening, MetricsServer},
    progress::{Progress, tell},
    result,
    shown::Shown,
    telemetry::Telemetry,
};

/// A test of which nothing can be wrong any more, with its folder and its record where there is one already.
struct Wish {
    advice: Advice,
    how: How,
    bound: Vec<Bound>,
    earlier: Option<(Folder, AdviceRecord)>,
    listening: Option<Listening>,
}

pub(crate) async fn run(command: AdviceCommand) -> End {
    match command {
        AdviceCommand::List(args) => {
            let listed = records(args.records.as_deref())
                .and_then(|last| if args.json { list::json(last) } else { Ok(list::text(last)?) });
            shown(listed)
        }
        AdviceCommand::Show(args) => shown(records(args.records.as_deref()).and_then(|last| {
            let advice = advice::load(&args.id)?;
            Ok(show::text(&advice, last.get(&args.id)))
        })),
        AdviceCommand::Test(args) => match prepare(&args) {
            Ok(wish) if wish.advice.file.class == Class::N => {
                print(&show::text(&wish.advice, None));
                End::Done
            }
            Ok(wish) => Box::pin(test(wish, &args)).await.unwrap_or_else(End::from),
            Err(error) => End::usage(error),
        },
    }
}

fn shown(text: anyhow::Result<String>) -> End {
    match text {
        Ok(text) => {
            print(&text);
            End::Done
        }
        Err(error) => End::usage(error),
    }
}

/// The last test of each rule: of the folder that was named, or else of the repository that this is.
fn records(folder: Option<&Path>) -> anyhow::Result<BTreeMap<String, AdviceRecord>> {
    match (folder, kept::default_folder()) {
        (Some(folder), _) => kept::latest(folder),
        (None, Some(folder)) => kept::latest(&folder),
        (None, None) => Ok(BTreeMap::new()),
    }
}

fn prepare(args: &AdviceTestArgs) -> anyhow::Result<Wish> {
    if let Some(dir) = &args.resume {
        return resume(dir);
    }
    let id = args.id.as_deref().context("which rule? `loadgen advice list` has all")?;
    let advice = advice::load(id)?;
    let how = how(args);
    let bound = bind::bind(&advice, &how)?;
    let listening = match advice.file.class {
        // There is nothing to see.
        Class::N => None,
        Class::M | Class::T => args.metrics.listen()?,
    };
    Ok(Wish { advice, how, bound, earlier: None, listening })
}

fn how(args: &AdviceTestArgs) -> How {
    How {
        smoke: args.smoke,
        all: args.all,
        pairs: args.pairs,
        budget: args.budget,
        seed: args.seed,
        start_rate: args.start_rate,
        bin_dir: args.bin_dir.clone(),
    }
}

/// The test of a record, as its own command line described it.
fn resume(dir: &Path) -> anyhow::Result<Wish> {
    let folder = Folder::open(dir)?;
    let record = read_advice(dir)?;
    if record.ended {
        bail!("the test in {} is over; there is nothing to go on with", dir.display());
    }
    if record.mode == AdviceMode::Smoke {
        bail!(
            "a smoke takes a minute or two; make a new one with `loadgen advice test {} --smoke`",
            record.id
        );
    }
    let cli = Cli::try_parse_from(&record.command)
        .with_context(|| format!("the command line in {} is of another version", dir.display()))?;
    let Command::Advice(AdviceCommand::Test(args)) = cli.command else {
        bail!("the record in {} is not of `loadgen advice test`", dir.display());
    };
    let wish = prepare(&args)?;
    if !test::is_of(&record, &wish.advice, &wish.bound) {
        bail!(
            "the rule {} has changed since the test in {} began; begin a new one",
            record.id,
            dir.display()
        );
    }
    Ok(Wish { earlier: Some((folder, record)), ..wish })
}

async fn test(wish: Wish, args: &AdviceTestArgs) -> anyhow::Result<End> {
    let interrupt = Interrupt::listen("`loadgen clean` says what is left and removes it")?;
    let progress = Arc::new(Progress::new());
    let Wish { advice, how, bound, earlier, listening } = wish;
    let server = MetricsServer::open(listening, |text| progress.say(text))?;
    let (folder, record) = if let Some(earlier) = earlier {
        earlier
    } else {
        let run = result::new_run_id(&format!("advice-{}", advice.id), how.seed);
        let record = test::begin(&advice, &bound, &how, &run)?;
        (Folder::create(&args.output.out, &run)?, record)
    };
    let telemetry = Telemetry::new(&record.run_id, &advice.id);
    let shown = Shown::kept_in(&folder, &telemetry)?;
    let _showing = MetricsServer::shows(server.as_ref(), &shown);
    let mut test = Test {
        folder: &folder,
        bound: &bound,
        record,
        progress: &progress,
        interrupt: &interrupt,
        telemetry: &telemetry,
        shown: &shown,
    };
    let ended = if how.smoke {
        test.smoke().await
    } else {
        let mut is_valid = true;
        let json = args.output.json;
        let tell = |record: &record::experiment::ExperimentRecord, path: &Path| {
            is_valid &= record.is_valid();
            if !json {
                progress.beside(|| print(&(text::render(record, Some(path)) + "\n")));
            }
        };
        let ended = test.verdicts(tell).await;
        if ended.is_ok() && !is_valid {
            progress.clear();
            show_outcome(&test.record, &folder, json)?;
            return Ok(End::Invalid);
        }
        ended
    };
    progress.clear();
    if let Err(error) = ended {
        return Err(stopped(error, &test.record, &folder));
    }
    show_outcome(&test.record, &folder, args.output.json)?;
    Ok(end_of(&test.record))
}

fn show_outcome(record: &AdviceRecord, folder: &Folder, json: bool) -> anyhow::Result<()> {
    if json {
        print(&(serde_json::to_string_pretty(record)? + "\n"));
    } else {
        print(&format!("{}\nrecord: {}\n", show::outcome(record), folder.path().display()));
    }
    report::leave(folder.path());
    Ok(())
}

/// A smoke is there to find what does not run, or does not show.
fn end_of(record: &AdviceRecord) -> End {
    let wrong: Vec<&str> = record
        .tested
        .iter()
        .filter(|tested| !tested.is_shown())
        .map(|tested| tested.arms.candidate.as_str())
        .collect();
    if record.mode == AdviceMode::Verdict || wrong.is_empty() {
        return End::Done;
    }
    End::Failed(anyhow::anyhow!("of {} these are not shown to differ: {}", record.id, wrong.join(", ")))
}

fn stopped(error: anyhow::Error, record: &AdviceRecord, folder: &Folder) -> anyhow::Error {
    let path = folder.path().display();
    let begun = |tested: &record::advice::Tested| folder.path().join(&tested.folder).exists();
    if record.mode == AdviceMode::Smoke || !record.tested.iter().any(begun) {
        discard(folder.path());
        return error;
    }
    if error.is::<Interrupted>() {
        tell(&format!("to go on: loadgen advice test --resume {path}"));
        return error;
    }
    error.context(format!("the test stopped; `loadgen advice test --resume {path}` goes on with it"))
}
