@echo off
rem Starts the server; its flags are passed on. The first start makes .venv in this folder, with what
rem pyproject.toml asks for, and so does the first after that file has changed.
setlocal
set "here=%~dp0"
set "python=%here%.venv\Scripts\python.exe"

if not exist "%python%" goto set_up
fc /b "%here%pyproject.toml" "%here%.venv\pyproject.toml" >nul 2>nul
if not errorlevel 1 goto start

:set_up
set "found=py -3"
%found% -c "import sys; sys.exit(sys.version_info < (3, 10))" >nul 2>nul
if not errorlevel 1 goto install
set "found=python"
%found% -c "import sys; sys.exit(sys.version_info < (3, 10))" >nul 2>nul
if not errorlevel 1 goto install
echo The server needs Python 3.10 or later, and finds none: install it. 1>&2
exit /b 1

:install
rem The dot keeps the backslash at the end of the folder from escaping the quote.
%found% "%here%gadget_service\hosting\environment.py" "%here%."
if errorlevel 1 exit /b 1

:start
"%python%" "%here%gadget_service" %*
exit /b %errorlevel%
