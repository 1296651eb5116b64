// Everything starts here. A page without a part leaves it alone.
startTables();
startFigures();
startDownload();
startFindings();
startExplorer();
startView();
