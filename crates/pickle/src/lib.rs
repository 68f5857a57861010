//! A reader of Python pickles that builds data and executes nothing
